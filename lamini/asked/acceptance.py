"""The probability that a prompt asks for the fact found: a logistic regression over features.

Its weights were fitted once, on prompts made of other tables (tests/bench/fit_acceptance.py), and
ship. A table moves them a little, by prompts made of its own facts (`made_up.adapted`):
whoever brings dozens of phrasings has shown how its people ask. A score that was fitted is a
probability (Platt 1999); a cosine is not.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from lamini.asked.features import NAMES
from lamini.errors import ConfigError

_NEAR_START, _NEAR_ZERO = 3.0, 1.0
"""How firmly a weight is held where it starts. Of 144 held-out questions of the reference facts 71
were read with the weights as they ship, 101 with a table's held by 100, 124 by 3 and by 1."""
_MOST_STEPS, _LEAST = 60, 1e-6
THRESHOLD = 0.5
"""Probability from which a fact is read; below it, memory is silent."""
STRICT_THRESHOLD = 0.9
"""The same in the strict mode, which reads only where no doubt is left."""


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """Weights of the features, centred and scaled."""

    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: float
    num_prompts: int
    """Prompts that the weights were fitted on."""

    def probability(self, features: np.ndarray) -> float:
        """Return the probability that the fact is asked for."""
        odds = float((features - self.mean) / self.scale @ self.weight + self.bias)
        return float(1 / (1 + np.exp(-np.clip(odds, -500, 500))))

    def to_dict(self) -> dict[str, Any]:
        """Return the weights as they are stored."""
        rows = {
            name: [round(float(x), 6) for x in row]
            for name, *row in zip(NAMES, self.mean, self.scale, self.weight, strict=True)
        }
        return {"num_prompts": self.num_prompts, "bias": round(self.bias, 6), "features": rows}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Acceptance":
        """Return the weights that `to_dict` gave.

        Raises:
            ConfigError: they are of other features.
        """
        if stored["features"].keys() != {*NAMES}:
            raise ConfigError("weights of other features than are known; fit them again")
        mean, scale, weight = np.array([stored["features"][name] for name in NAMES]).T
        return cls(
            mean=mean,
            scale=scale,
            weight=weight,
            bias=stored["bias"],
            num_prompts=stored["num_prompts"],
        )


@cache
def load_acceptance() -> Acceptance:
    """Return the weights that ship.

    Raises:
        ConfigError: they are of other features.
    """
    text = (files("lamini") / "asked" / "acceptance.json").read_text("utf-8")
    return Acceptance.from_dict(json.loads(text))


def fit(
    rows: Sequence[np.ndarray], is_asked: Sequence[bool], start: Acceptance | None = None
) -> Acceptance:
    """Return the weights of least log loss over prompts, kept near to those of `start`.

    Without a start they are kept near to zero, centred and scaled as the prompts are. The problem
    is convex: Newton's method, each step as long as the loss falls.
    """
    X, y = np.stack(rows), np.array(is_asked, np.float64)
    mean, scale = (start.mean, start.scale) if start else (X.mean(0), X.std(0) + 1e-3)
    Z = np.concatenate([(X - mean) / scale, np.ones((len(y), 1))], axis=1)
    prior = np.append(start.weight, start.bias) if start else np.zeros(Z.shape[1])
    ridge = np.full(len(prior), _NEAR_START if start else _NEAR_ZERO)
    if not start:
        ridge[-1] = 1e-6

    def loss(theta: np.ndarray) -> float:
        z = Z @ theta
        return float((np.logaddexp(0, z) - y * z).sum() + (ridge * (theta - prior) ** 2).sum() / 2)

    theta = prior.copy()
    for _ in range(_MOST_STEPS):
        p = 1 / (1 + np.exp(-np.clip(Z @ theta, -500, 500)))
        gradient = Z.T @ (p - y) + ridge * (theta - prior)
        hessian = (Z * (p * (1 - p))[:, None]).T @ Z + np.diag(ridge)
        step, length = np.linalg.solve(hessian, gradient), 1.0
        while length > _LEAST and loss(theta - length * step) > loss(theta):
            length /= 2
        theta = theta - length * step
        if np.abs(length * step).max() < 1e-8:
            break
    number = len(y) + (start.num_prompts if start else 0)
    return Acceptance(
        mean=mean, scale=scale, weight=theta[:-1], bias=float(theta[-1]), num_prompts=number
    )
