"""The probability that a prompt asks for the fact found: a logistic regression over features.

Its weights were fitted once, on prompts made of other tables (tests/bench/fit_acceptance.py), and
ship; every table is read by them and by one threshold. A caller may add a `shift` to the log odds:
routers that are trained hold 0. A score that was fitted is a probability (Platt 1999); a cosine is
not.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from lamini.asked.features import NAMES
from lamini.errors import ConfigError

THRESHOLD = 0.5
"""Probability from which a fact is read."""


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """Weights of the features, centred and scaled."""

    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: float
    num_prompts: int
    """Prompts that the weights were fitted on."""

    def log_odds(self, features: np.ndarray) -> float:
        """Return the log odds that the fact is asked for."""
        return float((features - self.mean) / self.scale @ self.weight + self.bias)

    def probability(self, features: np.ndarray, shift: float = 0.0) -> float:
        """Return the probability that the fact is asked for."""
        return float(1 / (1 + np.exp(-self.log_odds(features) - shift)))

    def to_json(self) -> str:
        """Return the text of the file that ships."""
        rows = {
            name: [round(float(x), 6) for x in row]
            for name, *row in zip(NAMES, self.mean, self.scale, self.weight, strict=True)
        }
        said = {"num_prompts": self.num_prompts, "bias": round(self.bias, 6), "features": rows}
        return json.dumps(said, indent=1) + "\n"


@cache
def load_acceptance() -> Acceptance:
    """Return the weights that ship.

    Raises:
        ConfigError: they are of other features.
    """
    said = json.loads((files("lamini") / "asked" / "acceptance.json").read_text("utf-8"))
    if tuple(said["features"]) != NAMES:
        raise ConfigError("acceptance.json is of other features; run tests/bench/fit_acceptance.py")
    mean, scale, weight = np.array([*said["features"].values()]).T
    return Acceptance(
        mean=mean, scale=scale, weight=weight, bias=said["bias"], num_prompts=said["num_prompts"]
    )


def fit(
    rows: Sequence[np.ndarray], is_asked: Sequence[bool], weights: Sequence[float] | None = None,
    *, penalty: float = 1.0,
) -> Acceptance:  # fmt: skip
    """Return the weights of least regularised log loss (Newton's method; the problem is convex)."""
    X = np.stack(rows)
    y = np.array(is_asked, np.float64)
    w = np.ones(len(y)) if weights is None else np.array(weights, np.float64)
    mean, scale = X.mean(0), X.std(0) + 1e-3
    Z = np.concatenate([(X - mean) / scale, np.ones((len(y), 1))], axis=1)
    ridge = np.diag([*[penalty] * len(NAMES), 0.0])
    theta = np.zeros(Z.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(Z @ theta, -30, 30)))
        gradient = Z.T @ (w * (p - y)) + ridge @ theta
        hessian = (Z * (w * p * (1 - p))[:, None]).T @ Z + ridge + 1e-6 * np.eye(len(theta))
        step = np.linalg.solve(hessian, gradient)
        theta -= step
        if np.abs(step).max() < 1e-8:
            break
    return Acceptance(
        mean=mean, scale=scale, weight=theta[:-1], bias=float(theta[-1]), num_prompts=len(y)
    )
