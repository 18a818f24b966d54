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

# "Measured" is by bits per byte after 30 s of one slow core with bytes as tokens; the log of it is at the end.

# The model.
DEPTH = 2  # tune: layers; the dial. Measured
ASPECT = 32  # tune: channels a layer, so that width grows with depth; measured. An accelerator: 64, convention
HEAD = 64  # channels of a head; measured. An accelerator: 128, where attention is fastest
MLP = 2  # times as wide inside the MLP; measured. An accelerator: 4, convention
NGRAMS = 6  # the last 2, 3, … NGRAMS tokens have an embedding of their own: measured, the largest gain of all
NGRAM_ROWS = 131072  # which share so many rows by hash; measured: more gain little and are slow to save
ROPE_BASE = 10000.0  # convention
SOFTCAP = 0.0  # bounds logits, 0: nothing does; measured: takes 6 % of a step and gains nothing. An accelerator: 15
MIX = 0.1  # tune: how much of the embedding enters every layer at first; convention

# The batch.
ROWS = 16  # tune: measured
CONTEXT = 128  # tune: measured, though 256 are scored

# The optimisers. Memories are in steps: n means the usual coefficient 1 - 1 / n, and less than 1 counts as 1.
MUON_LR = 0.02  # tune: convention, measured
MUON_MEMORY = 20.0  # tune: convention (0.95), measured
MUON_STEPS = 3  # of Polar Express; measured: 5 take longer and gain nothing
MUON_DECAY = 0.0  # of matrices; an assumption: a small model that sees no text twice has nothing to forget
EMBED_LR = 0.2  # tune: measured
NGRAM_LR = 0.5  # tune: Adagrad's; measured
HEAD_LR = 0.01  # tune: measured
SCALAR_LR = 0.05  # tune: of what mixes and gates; measured
MEAN_MEMORY = 5.0  # tune: AdamW's first moment; convention (0.8), measured
SQUARE_MEMORY = 20.0  # tune: AdamW's second moment; convention (0.95), measured

# The schedule, in shares of the clock.
WARMUP = 0.02  # tune: an assumption
WARMDOWN = 0.6  # tune: at the end, in which the learning rates fall to nothing; measured
MUON_WARMUP = 0.2  # tune: in which Muon's memory grows from a half to the whole; an assumption

# The machine.
DTYPE = "float32"  # of activations and tables. An accelerator: bfloat16, which is many times slower on a processor
COMPILE = False  # by torch.compile; on a processor it takes as long as the clock
SPARSE = True  # gradients of n-grams hold the rows that occurred. False where compiled, which can't do that

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
        if SOFTCAP > 0:
            logits = SOFTCAP * torch.tanh(F.linear(norm(x), (self.head / SOFTCAP).to(x.dtype)).float())
        else:
            logits = F.linear(norm(x), self.head.to(x.dtype)).float()
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
    """RoPE: channel pairs (i, i + half) of x (rows, T, heads, channels), turned by an angle that grows with the place;
    `sin` has the sign of either half."""
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
                    state["squares"] = p.new_zeros(p.size(0))
                squares, slope = state["squares"], p.grad
                if slope.is_sparse:
                    slope = slope.coalesce()
                    rows, slope = slope.indices()[0], slope.values()
                    squares.index_add_(0, rows, slope.square().mean(1))
                    p.index_add_(0, rows, slope * self.lengths(group, squares[rows]))
                else:
                    squares.add_(slope.square().mean(1))
                    p.addcmul_(slope, self.lengths(group, squares))

    @staticmethod
    def lengths(group: dict, squares: Tensor) -> Tensor:
        return (-group["lr"] * (squares + 1e-20).rsqrt())[:, None]


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


# -- what was measured -----------------------------------------------------------------------------
#
# Bits per byte of 256 windows of 256 bytes; the standard library's source, split by file; one seed; a machine with
# guests, who change tokens/s too. Differences under 0.02 mean nothing.
#
# 30 s of processor time                                         tokens/s   bits per byte
# depth 2, width 128, AdamW alone, no n-grams, 8 x 256 tokens      13,000       3.33
# depth 2, width 96, pairs to fours, 65,536 rows, 16 x 64          20,000       2.18
#   width 128                                                      12,000       2.24
#   depth 3                                                        16,000       2.19
#   width 64                                                       30,000       2.15
#   width 64, to fives                                             30,000       2.12
#   width 64, to fives, 8 x 128                                    30,000       2.10
#   width 64, to fives, 16 x 128, HEAD 64                          35,000       2.07
# width 64, to sixes, 131,072 rows, 16 x 128, HEAD 64, MLP 4       35,000       2.05
#   width 96: 2.10; 24 x 128: 2.07; 8 x 256: 2.09; MUON_LR 0.03: 2.09; MLP 3: 2.04; HEAD 32 with MLP 2: 2.05
#   MLP 2, as here, while the guests slept                         46,000       2.02
#   depth 1, while the guests slept                                58,000       2.01
#
# At equal steps (200 of 16 x 64 tokens, width 96, to fours), beside the rates above, 2.347: HEAD_LR 0.02: 2.357, 0.04:
# 2.354; EMBED_LR 0.5: 2.370; MEAN_MEMORY 10: 2.362; SQUARE_MEMORY 50: 2.355; MUON_MEMORY 10: 2.355; MUON_LR 0.03:
# 2.371; SOFTCAP 30: 2.348. Beside HEAD_LR 0.004, EMBED_LR 0.1, SCALAR_LR 0.02, 2.397: HEAD_LR 0.01: 2.363; EMBED_LR
# 0.3: 2.386; SCALAR_LR 0.05: 2.389; MUON_STEPS 2: 2.403; MUON_LR 0.04: 2.407; WARMDOWN 0.8: 2.408; NGRAM_LR 1: 2.401;
# MIX 0.3: 2.392; a learned scalar on the residual stream: 3 % slower for 0.003; a sum an element in Adagrad: 4 % slower
# for 0.006.
#
# Without value embeddings 0.05 worse, without MIX 0.07; attention by matrix products instead of SDPA, and Newton–Schulz
# with Muon's first coefficients (3.4445, -4.775, 2.0315), no better. Not tried: sliding windows, averaged weights.
