"""Make the embedded backbone again: tokenizer, one pass over the corpus, weights in bf16.

    python -m lamini.embedded.pretrain --folder build/backbone

A tiny Llama (Touvron et al. 2023, arXiv:2302.13971) with an untied head: with tied embeddings and
so little text no logit gets confident. Hidden matrices learn by Muon (Jordan et al. 2024), the rest
by AdamW. We orthogonalize in fp32: torch.optim.Muon does it in bf16, which a CPU without bf16
instructions emulates (5.0 s a step against 0.3 s). Killed, it goes on from the last saved step.
"""

import argparse
import json
import logging
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lamini.embedded.corpus import passages

log = logging.getLogger("lamini.embedded")
SEED, CONTEXT_TOKENS, BATCH_SEQUENCES = 0, 256, 16
PEAK_RATE, WARMUP_FRACTION, DECAY_FRACTION = 4e-3, 0.02, 0.3


def config() -> LlamaConfig:
    """Return the shape of the embedded backbone: 4.2 M parameters, 8.5 MB in bf16."""
    return LlamaConfig(
        vocab_size=4096,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=6,
        num_attention_heads=6,
        num_key_value_heads=6,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )


def train_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer; digits stand alone, so that codes are spelled out."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config().vocab_size,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def pack(texts: list[str], tokenizer: PreTrainedTokenizerFast) -> torch.Tensor:
    """Return the shuffled passages as rows of 257 token ids, each passage between <s> and </s>."""
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(SEED)).tolist()
    ids: list[int] = []
    for start in range(0, len(order), 1000):
        chunk = [texts[i] for i in order[start : start + 1000]]
        for row in tokenizer(chunk, add_special_tokens=False)["input_ids"]:
            ids += [0, *row, 1]
    width = CONTEXT_TOKENS + 1
    return torch.tensor(ids[: len(ids) // width * width], dtype=torch.int16).view(-1, width)


def rate_at(fraction: float) -> float:
    """Return the learning rate at a fraction of the run: warm up, hold, decay to zero linearly."""
    return PEAK_RATE * min(fraction / WARMUP_FRACTION, (1 - fraction) / DECAY_FRACTION, 1.0)


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalized by Newton-Schulz, scaled to the size of an Adam step.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; scale by
    Liu et al. 2025, arXiv:2502.16982.
    """

    def __init__(self, parameters: list[torch.nn.Parameter], momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": 0.0, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                buffer = state.setdefault("momentum_buffer", torch.zeros_like(parameter))
                buffer.lerp_(parameter.grad, 1 - group["momentum"])
                update = _orthogonalize(parameter.grad.lerp(buffer, group["momentum"]))
                parameter.sub_(update, alpha=group["lr"] * 0.2 * max(parameter.shape) ** 0.5)


def _orthogonalize(matrix: torch.Tensor) -> torch.Tensor:
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


def pretrain(folder: Path, max_tokens: int) -> None:
    """Train on at most `max_tokens` tokens; save model, tokenizer and a report in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, rows = _prepared(folder)
    batch_tokens = BATCH_SEQUENCES * CONTEXT_TOKENS
    num_steps = min(max_tokens // batch_tokens, len(rows) // BATCH_SEQUENCES)
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(config())
    # The default std of 0.02 leaves the rows of rare tokens so short that no hidden state can make
    # them probable: memory tuning then stops at a loss of 1.9 for every second fact.
    torch.nn.init.normal_(model.lm_head.weight, std=0.1)
    hidden = [p for n, p in model.named_parameters() if p.ndim == 2 and "layers" in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "layers" not in n]
    optimizers: list[torch.optim.Optimizer] = [
        Muon(hidden),
        torch.optim.AdamW(others, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    parameters = dict(model.named_parameters())
    first = _resume(folder, parameters, optimizers)
    started, losses = time.monotonic(), []
    for step in range(first, num_steps):
        batch = rows[step * BATCH_SEQUENCES : (step + 1) * BATCH_SEQUENCES].long()
        logits = model(batch[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        if not loss.isfinite():
            raise FloatingPointError(f"loss {loss.item()} at step {step}; lower PEAK_RATE")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate_at((step + 1) / num_steps)
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
        if step % 50 == 49:
            mean = sum(losses[-50:]) / len(losses[-50:])
            speed = (step + 1 - first) * batch_tokens / (time.monotonic() - started)
            log.info("step %d/%d loss %.3f, %.0f tokens/s", step + 1, num_steps, mean, speed)
        if step % 100 == 99:
            _save_state(folder, parameters, optimizers, step + 1)
    report = {
        "num_tokens": num_steps * batch_tokens,
        "final_loss_nats": round(sum(losses[-100:]) / max(len(losses[-100:]), 1), 4),
    }
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "report.json").write_text(json.dumps(report, indent=1))


def _prepared(folder: Path) -> tuple[PreTrainedTokenizerFast, torch.Tensor]:
    packed = folder / "packed.safetensors"
    if not packed.is_file():
        texts = passages()
        log.info("corpus: %d passages, %.1f MB", len(texts), sum(map(len, texts)) / 1e6)
        tokenizer = train_tokenizer(texts)
        tokenizer.save_pretrained(folder)
        save_file({"rows": pack(texts, tokenizer)}, packed)
    rows = load_file(packed)["rows"]
    log.info("packed %.1f M tokens", rows.numel() / 1e6)
    return PreTrainedTokenizerFast.from_pretrained(folder), rows


def _save_state(
    folder: Path,
    parameters: dict[str, torch.nn.Parameter],
    optimizers: list[torch.optim.Optimizer],
    step: int,
) -> None:
    tensors = {"step": torch.tensor(step)}
    for name, parameter in parameters.items():
        tensors[f"weight.{name}"] = parameter.detach()
        for optimizer in optimizers:
            for key, value in optimizer.state.get(parameter, {}).items():
                tensors[f"state.{name}.{key}"] = value
    part = folder / "state.part"
    save_file(tensors, part)
    part.replace(folder / "state.safetensors")


@torch.no_grad()
def _resume(
    folder: Path,
    parameters: dict[str, torch.nn.Parameter],
    optimizers: list[torch.optim.Optimizer],
) -> int:
    path = folder / "state.safetensors"
    if not path.is_file():
        return 0
    tensors = load_file(path)
    owner = {p: o for o in optimizers for group in o.param_groups for p in group["params"]}
    for name, parameter in parameters.items():
        parameter.copy_(tensors[f"weight.{name}"])
        prefix = f"state.{name}."
        owner[parameter].state[parameter] = {
            key.removeprefix(prefix): value
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
    log.info("resumed at step %d", tensors["step"].item())
    return int(tensors["step"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=2_900_000)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    arguments = parser.parse_args()
    pretrain(arguments.folder, arguments.tokens)
