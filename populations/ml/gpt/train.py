"""A small GPT, trained by the clock. One dial: DEPTH."""

import torch
import torch.nn.functional as F
from torch import nn

DEPTH = 2
WIDTH = 128
HEAD = 32
ROWS = 8
CONTEXT = 256
MUON_LR = 0.02
ADAM_LR = 0.003
SOFTCAP = 15.0


def norm(x):
    return F.rms_norm(x, (x.size(-1),))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.up = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.down = nn.Linear(4 * WIDTH, WIDTH, bias=False)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)

    def forward(self, x, cos, sin):
        B, T, C = x.shape
        q, k, v = self.qkv(norm(x)).view(B, T, 3, C // HEAD, HEAD).permute(2, 0, 3, 1, 4)
        q, k = rope(norm(q), cos, sin), rope(norm(k), cos, sin)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.relu(self.up(norm(x))).square())


def rope(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos + b * sin, b * cos - a * sin), -1)


class Model(nn.Module):
    def __init__(self, facts):
        super().__init__()
        self.embed = nn.Embedding(facts.vocabulary, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.head = nn.Linear(WIDTH, facts.vocabulary, bias=False)
        nn.init.zeros_(self.head.weight)

    def forward(self, tokens):
        T = tokens.size(1)
        t = torch.arange(T, device=tokens.device)[:, None] * (
            1e4 ** -torch.linspace(0, 1, HEAD // 2, device=tokens.device)
        )
        cos, sin = t.cos(), t.sin()
        x = norm(self.embed(tokens))
        for block in self.blocks:
            x = block(x, cos, sin)
        return SOFTCAP * torch.tanh(self.head(norm(x)) / SOFTCAP)


def train(session):
    model = Model(session.facts).to(session.device)
    opt = torch.optim.AdamW(model.parameters(), lr=ADAM_LR, betas=(0.8, 0.95), weight_decay=0.0)
    session.start(model)
    for x, y in session.batches(ROWS, CONTEXT):
        for g in opt.param_groups:
            g["lr"] = ADAM_LR * min(1.0, 2 * (1 - session.progress))
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
        session.log(loss)
