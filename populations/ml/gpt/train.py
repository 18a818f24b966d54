"""A small GPT, trained by the clock: model, optimisers, schedule, top to bottom. One dial: DEPTH.

The trainer asks for two things: `Model(facts)`, whose `forward(tokens)` gives logits, and `train(session)`, which may
rehearse, then starts the clock and trains until `session.batches` ends. The text, the clock and the score aren't here.

The same file runs on one processor core and on an accelerator: only the constants differ. Those marked `tune` are
numbers that a tuner may move; any value gives a model that can be built, if not one that learns.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The model. "Measured": bits per byte after 10 to 30 s of one slow core, bytes as tokens; see the end of the file.
DEPTH = 2  # tune: layers; the dial
ASPECT = 48  # tune: channels a layer, so that width grows with depth; measured, 64 on an accelerator (convention)
HEAD = 32  # channels of a head; measured, 128 where flash attention wants it
MLP = 4  # times as wide inside the MLP; convention
NGRAMS = 4  # the last 2 to NGRAMS tokens have an embedding of their own: measured, the largest gain of all
NGRAM_ROWS = 65536  # they share so many rows by hash: more are better, but weights are saved within the clock
ROPE_BASE = 10000.0  # convention
SOFTCAP = 15.0  # tune: logits stay within; convention
MIX = 0.1  # tune: how much of the embedding enters every layer at first; convention

# The batch.
ROWS = 16  # tune
CONTEXT = 64  # tune: measured, many short rows teach more in 30 s than a few long ones

# The optimisers. Memories are in steps, of which 1 - 1 / n is the usual coefficient: any length of 1 or more is valid.
MUON_LR = 0.02  # tune: convention
MUON_MEMORY = 20.0  # tune: 0.95, convention
MUON_STEPS = 3  # of Polar Express: measured, 5 cost more than they give on a core
MUON_DECAY = 0.0  # weight decay of matrices: nothing to gain within one pass of a small model
EMBED_LR = 0.2  # tune: measured
NGRAM_LR = 0.5  # tune: of Adagrad; measured
HEAD_LR = 0.01  # tune: measured
SCALAR_LR = 0.05  # tune: of residual scalars and gates; measured
MEAN_MEMORY = 5.0  # tune: AdamW's first moment: 0.8, convention
SQUARE_MEMORY = 20.0  # tune: AdamW's second moment: 0.95, convention

# The schedule, in shares of the clock.
WARMUP = 0.02  # tune
WARMDOWN = 0.6  # tune: at the end, in which the learning rates fall to nothing
MUON_WARMUP = 0.2  # tune: in which Muon's memory grows from half; convention: the first 300 steps

# The machine.
DTYPE = "float32"  # of activations; bfloat16 on an accelerator, on a processor it is many times slower
COMPILE = False  # torch.compile takes longer than it saves in 30 s
SPARSE = True  # gradients of n-grams hold the rows that occurred: cheap on a core; False where compiled

HEAD_DIM = max(2, HEAD // 2 * 2)
LAYERS = max(1, DEPTH)
HEADS = max(1, round(LAYERS * ASPECT / HEAD_DIM))
WIDTH = HEADS * HEAD_DIM
GATED = min(32, WIDTH)  # channels that a gate looks at; convention
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


# -- the model -------------------------------------------------------------------------------------


class Model(nn.Module):
    """Tokens (rows, T) to logits (rows, T, vocabulary), float32; with targets (rows, T), to their mean loss in nats.

    The matrices of all layers lie in two tensors, so that Muon takes them as two batches: `attention` holds query, key,
    value and output of a layer, `mlp` the way up and, transposed, the way down.
    """

    def __init__(self, facts):
        super().__init__()
        vocabulary, dtype = facts.vocabulary, DTYPES[DTYPE]
        bound = (3 / WIDTH) ** 0.5  # a uniform distribution with the deviation WIDTH**-0.5
        self.embed = nn.Parameter(torch.randn(vocabulary, WIDTH).to(dtype))
        self.ngrams = nn.Parameter(torch.zeros(NGRAM_ROWS, WIDTH))
        self.attention = nn.Parameter(torch.empty(LAYERS, 4 * WIDTH, WIDTH).uniform_(-bound, bound))
        self.mlp = nn.Parameter(torch.empty(LAYERS, 2 * MLP * WIDTH, WIDTH).uniform_(-bound, bound))
        # Values of the tokens themselves, on every other layer, the last among them.
        valued = (LAYERS + 1) // 2
        self.values = nn.Parameter(torch.empty(valued, vocabulary, WIDTH).uniform_(-bound, bound).to(dtype))
        self.gates = nn.Parameter(torch.zeros(valued, HEADS, GATED))
        self.mix = nn.Parameter(torch.full((LAYERS,), MIX))
        self.head = nn.Parameter(torch.zeros(vocabulary, WIDTH))
        with torch.no_grad():  # every layer begins as the identity
            self.attention[:, 3 * WIDTH :].zero_()
            self.mlp[:, MLP * WIDTH :].zero_()
        places = torch.arange(max(CONTEXT, facts.context))[:, None, None]
        angles = places * ROPE_BASE ** -torch.linspace(0, 1, HEAD_DIM // 2)
        cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
        self.register_buffer("cos", torch.cat((cos, cos), -1), persistent=False)
        self.register_buffer("sin", torch.cat((-sin, sin), -1), persistent=False)

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> Tensor:
        x = start = norm(self.embedded(tokens))
        attention, mlp = self.attention.to(x.dtype).unbind(), self.mlp.to(x.dtype).unbind()
        for layer in range(LAYERS):
            x = torch.addcmul(x, self.mix[layer].to(x.dtype), start)
            x = x + self.attended(layer, tokens, norm(x), attention[layer])
            up, down = mlp[layer].chunk(2)
            x = x + Squared.apply(F.linear(norm(x), up)) @ down
        logits = SOFTCAP * torch.tanh(F.linear(norm(x), (self.head / SOFTCAP).to(x.dtype)).float())
        return logits if targets is None else F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def embedded(self, tokens: Tensor) -> Tensor:
        """Each token, and what it ends: the pair, the three… of tokens up to it, whose hashes share a table."""
        x = F.embedding(tokens, self.embed)
        if NGRAMS < 2:
            return x
        key, rows = tokens, []
        for back in range(1, NGRAMS):
            earlier = F.pad(tokens, (back, 0))[:, : tokens.size(1)]
            key = key * 1_000_003 + earlier + 1  # a large prime, then a multiplicative hash (Knuth's constant)
            rows.append((key * 2_654_435_761 >> 12) % NGRAM_ROWS)
        bags = torch.stack(rows, -1).view(-1, NGRAMS - 1)
        return x + F.embedding_bag(bags, self.ngrams, mode="sum", sparse=SPARSE).view(x.shape).to(x.dtype)

    def attended(self, layer: int, tokens: Tensor, x: Tensor, weights: Tensor) -> Tensor:
        """What attention adds to a layer, (rows, T, WIDTH): query and key are normalised, then turned by place."""
        rows, length, _ = x.shape
        inner, outer = weights.split([3 * WIDTH, WIDTH])
        queries_keys, v = F.linear(x, inner).view(rows, length, 3 * HEADS, HEAD_DIM).split([2 * HEADS, HEADS], 2)
        q, k = rotated(norm(queries_keys), self.cos[:length], self.sin[:length]).chunk(2, 2)
        if (LAYERS - 1 - layer) % 2 == 0:
            gate = 2 * torch.sigmoid(F.linear(x[..., :GATED], self.gates[layer // 2].to(x.dtype)))
            v = v + gate[..., None] * F.embedding(tokens, self.values[layer // 2]).view_as(v)
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True)
        return F.linear(y.transpose(1, 2).reshape(rows, length, WIDTH), outer)


def norm(x: Tensor) -> Tensor:
    """Without weights. Not rms_norm, which learns as well: eager on a processor, its way back is eight passes."""
    return F.layer_norm(x, (x.size(-1),))


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """RoPE: channel pairs (i, i + half) of x (rows, T, heads, channels), turned by an angle that grows with T. `sin` has
    the sign of either half."""
    return torch.addcmul(x * cos, x.roll(x.size(-1) // 2, -1), sin)


class Squared(torch.autograd.Function):
    """ReLU². Its slope is twice ReLU, which autograd finds by two more passes over the largest tensor of a layer."""

    @staticmethod
    def forward(context, x: Tensor) -> Tensor:
        x = x.relu()
        context.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(context, slope: Tensor) -> Tensor:
        (x,) = context.saved_tensors
        return (slope * x).mul_(2)


# -- the optimisers --------------------------------------------------------------------------------

# Polar Express (arXiv 2505.16932): coefficients for singular values from 1e-3 up, the best for each iteration.
POLAR = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)


def orthogonal(x: Tensor) -> Tensor:
    """For each matrix of a batch, nearly the orthogonal one next to it: all singular values are brought towards 1."""
    x = x / (1.02 * x.norm(dim=(-2, -1), keepdim=True) + 1e-6)
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x  # the squares below are of the smaller side
    for a, b, c in POLAR[:MUON_STEPS]:  # x becomes a x + (b s + c s²) x, where s = x xᵀ
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, then an orthogonal matrix of it as the step. A group has `shape`: that of one matrix in its tensors."""

    def __init__(self, groups: list[dict]):
        super().__init__(groups, {"memory": MUON_MEMORY})
        self.orthogonal = torch.compile(orthogonal, dynamic=False) if COMPILE else orthogonal

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            share, (tall, wide) = 1 / max(1.0, group["memory"]), group["shape"]
            length = group["lr"] * max(1.0, tall / wide) ** 0.5  # so that channels change alike in any shape
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                momentum = state["momentum"].lerp_(p.grad, share)
                ahead = p.grad.lerp(momentum, 1 - share)  # Nesterov's
                found = self.orthogonal(ahead.view(-1, tall, wide).to(DTYPES[DTYPE]))
                if MUON_DECAY:
                    p.mul_(1 - group["lr"] * MUON_DECAY)
                p.add_(found.reshape(p.shape), alpha=-length)


class Rare(torch.optim.Optimizer):
    """Adagrad with one sum a row, and no memory of the gradient: for rows that are seldom seen, some of them once."""

    def __init__(self, parameters: list[nn.Parameter], lr: float):
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["squares"] = p.new_zeros(p.size(0), 1)
                rows, slope = slice(None), p.grad
                if slope.is_sparse:
                    slope = slope.coalesce()
                    rows, slope = slope.indices()[0], slope.values()
                squares = state["squares"][rows] + slope.square().mean(1, keepdim=True)
                state["squares"][rows] = squares
                p[rows] -= group["lr"] * slope * (squares + 1e-20).rsqrt()


def optimisers(model: Model) -> list[torch.optim.Optimizer]:
    """Muon for matrices, Adagrad for n-grams, AdamW for the rest. `peak`: a group's learning rate
    before the schedule."""
    muon = Muon(
        [
            {"params": [model.attention], "lr": MUON_LR, "shape": (WIDTH, WIDTH)},
            {"params": [model.mlp], "lr": MUON_LR, "shape": (MLP * WIDTH, WIDTH)},
        ]
    )
    adam = torch.optim.AdamW(
        [
            {"params": [model.embed, model.values], "lr": EMBED_LR},
            {"params": [model.head], "lr": HEAD_LR},
            {"params": [model.mix, model.gates], "lr": SCALAR_LR},
        ],
        betas=(1 - 1 / max(1.0, MEAN_MEMORY), 1 - 1 / max(1.0, SQUARE_MEMORY)),
        eps=1e-10,
        weight_decay=0.0,
        fused=True,
    )
    rare = Rare([model.ngrams], NGRAM_LR)
    found = [muon, adam, rare]
    for group in groups(found):
        group["peak"] = group["lr"]
    return found


def groups(found: list[torch.optim.Optimizer]) -> Iterator[dict]:
    return (group for optimiser in found for group in optimiser.param_groups)


# -- the training ----------------------------------------------------------------------------------


def rate(progress: float) -> float:
    """Of the peak learning rates, at this share of the clock: up, level, and down to nothing."""
    up = (progress + 1e-3) / max(1e-3, WARMUP)
    down = (1 - progress) / max(1e-3, WARMDOWN)
    return min(1.0, up, down)


def step(model: Model, found: list[torch.optim.Optimizer], tokens: Tensor, targets: Tensor) -> Tensor:
    loss = model(tokens, targets)
    loss.backward()
    for optimiser in found:
        optimiser.step()
        optimiser.zero_grad()
    return loss.detach()


def rehearse(session, model: Model, found: list[torch.optim.Optimizer]) -> None:
    """Compiles everything, by steps of length 0 on random tokens; what the optimisers remember of them is undone."""
    before = [copy.deepcopy(optimiser.state_dict()) for optimiser in found]
    for group in groups(found):
        group["lr"] = 0.0
    for _ in range(3):
        step(model, found, *session.rehearsal(max(1, ROWS), max(2, CONTEXT)))
    for optimiser, state in zip(found, before, strict=True):
        optimiser.load_state_dict(state)


def train(session) -> None:
    torch.set_float32_matmul_precision("high")
    model = Model(session.facts).to(session.device)
    found = optimisers(model)
    if COMPILE:
        model.compile(dynamic=False)
        rehearse(session, model, found)
    session.start(model)
    for tokens, targets in session.batches(max(1, ROWS), max(2, CONTEXT)):
        progress = session.progress
        for group in groups(found):
            group["lr"] = group["peak"] * rate(progress)
        grown = min(1.0, progress / max(1e-3, MUON_WARMUP))
        for group in found[0].param_groups:
            group["memory"] = MUON_MEMORY * (0.5 + 0.5 * grown)
        session.log(step(model, found, tokens, targets))
