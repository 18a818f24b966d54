"""What a model is told about the domain."""

from __future__ import annotations

from trainer.plan import Plan

__all__ = ["brief"]


def brief(plan: Plan, vocabulary: int, text: str) -> str:
    where = "one CUDA device" if plan.device == "cuda" else "one or two slow processor cores in float32"
    return "\n\n".join(
        [
            f"train.py trains a language model from nothing in exactly {plan.seconds:g} s on {where}. Lower its bits "
            f"per byte on text that it never sees ({text}, {vocabulary} tokens).",
            "It defines `class Model(facts)`, a torch module whose forward takes int64 tokens (rows, length) and gives "
            "logits (rows, length, facts.vocabulary), and `train(session)`. `session.facts` has vocabulary, context "
            f"({plan.context} tokens: the length it is scored at), seconds, device and cores; `session.rehearsal(rows, "
            "context)` gives random tokens for compiling; `session.start(model)` starts the clock, once; `for inputs, "
            "targets in session.batches(rows, context)` gives random places of the text until the clock ends; "
            "`session.progress` is the share of the clock that is used (schedules belong on it, not on steps); "
            "`session.log(loss)` records the loss in nats per token; `session.save()` keeps the weights, which happens "
            "now and then and at the end by itself.",
            "The clock, the text and the number are not the genome's: at the bell it is killed and its last saved "
            "weights count; another process, that has only inputs, answers with the model; the loss is computed "
            "outside. The model must not look at later tokens, nor depend on the batch, on chance or on anything but "
            "the given tokens: it is refused for that, and for setting a random seed.",
            "What can be better: more tokens in the same time (shapes that the machine likes, fewer small operations), "
            "a better step (optimiser, learning rates, schedule, initialisation), a better model at the same cost. A "
            "change counts only if several repeats with other seeds say so. Change one thing.",
        ]
    )
