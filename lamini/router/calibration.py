"""Set the router's thresholds on phrasings and negatives that took no part in its training.

Shape suffixes: P prompts   K key width   R candidates of a prompt
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from lamini.bank.evidence import Words
from lamini.config import RouterTraining
from lamini.router.group_keys import GroupKeys

_ABOVE = 1e-3
_UNNAMED_GAP = 0.4
"""What a prompt must at least make up for when it does not name the subject. Where every fact has
words of its own, no other fact is near, and the quantiles alone would ask for nothing: of zsRE's
paraphrases 90.5% found their fact without a gap, 98.8% with it."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The thresholds, and how the prompts they were set on fare under them."""

    threshold: float
    unnamed_threshold: float
    """What a key needs whose subject the prompt does not name."""
    strict_excess: float
    """What both must be raised by, so that no held-back negative is captured."""
    calibration_agreement: float
    """Share of held-back phrasings whose best key is their fact's."""
    calibration_accepted: float
    """Share of those that reach the threshold."""
    calibration_foreign: float
    """Share of held-back negatives that are captured all the same."""


def calibrate(
    table: GroupKeys,
    encode: Callable[[Sequence[str]], torch.Tensor],
    *,
    unseen: Sequence[tuple[int, str]],
    foreign: Sequence[str],
    known: Sequence[str],
    config: RouterTraining,
) -> Calibration:
    """Return the thresholds that the prompts ask for; `unseen` pairs groups with their phrasings.

    As low as the accepted share of `unseen` needs, unless that captures too much of `foreign`; for
    keys that are not named also not below what `known` phrasings score at other subjects' facts.
    """

    def best(prompts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
        """Return the best scores [P] of named and of other keys, and the best named group."""
        query_PK = encode(prompts) if prompts else torch.empty(0, table.keys_GK.shape[1])
        named, others, nearest = [], [], []
        read = [Words(prompt) for prompt in prompts]
        candidates = table.candidates(query_PK, read)
        for query_K, prompt, rows in zip(query_PK, read, candidates, strict=True):
            score_R, named_R = table.score(query_K, prompt, rows)
            score_R, named_R = (torch.cat([x, x.new_zeros(1)]) for x in (score_R, named_R))
            score_R[-1] = -1.0  # where there is no candidate
            named_R[-1] = True
            within_R = score_R.masked_fill(~named_R, -2.0)
            named.append(within_R.max().item())
            nearest.append([*(table.groups[row] for row in rows), -1][int(within_R.argmax())])
            named_R[-1] = False
            others.append(score_R.masked_fill(named_R, -2.0).max().item())
        return torch.tensor(named), torch.tensor(others), nearest

    # Half of what may be captured for either sort of key.
    kept = 1 - config.captured_fraction / 2
    threshold, agreement, accepted, captured = 0.5, 1.0, 1.0, 0.0
    right_P = torch.zeros(0)
    if unseen:
        score_P, _, nearest = best([prompt for _, prompt in unseen])
        agrees_P = torch.tensor([g == n for (g, _), n in zip(unseen, nearest, strict=True)])
        agreement = agrees_P.float().mean().item()
        right_P = score_P[agrees_P]
    if len(right_P):
        threshold = right_P.quantile(1 - config.accepted_fraction, interpolation="lower").item()
    unnamed = best(known)[1].quantile(kept).item() if known else -1.0
    if foreign:
        named_P, unnamed_P, _ = best(foreign)
        threshold = max(threshold, named_P.quantile(kept).item())
        unnamed = max(unnamed, unnamed_P.quantile(kept).item())
    unnamed = max(threshold + _UNNAMED_GAP, unnamed)
    strict = 0.0
    if foreign:
        above_P = torch.maximum(named_P - threshold, unnamed_P - unnamed)
        captured = (above_P >= 0).float().mean().item()
        strict = max(0.0, above_P.max().item() + _ABOVE)
    if len(right_P):
        accepted = (right_P >= threshold).float().mean().item()
    return Calibration(
        threshold=threshold,
        unnamed_threshold=unnamed,
        strict_excess=strict,
        calibration_agreement=agreement,
        calibration_accepted=accepted,
        calibration_foreign=captured,
    )
