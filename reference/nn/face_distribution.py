"""Reference values for the distribution of faces: the same mixture with dense covariances.

    python reference/nn/face_distribution.py

writes reference/nn/face_distribution.safetensors: parameters of a small head (3-D embedding, 2
components of rank 2 in 4 dimensions of the identity and 2 traits) under the names of the Rust
network, five voices and features, and, from PyTorch in float64 with dense covariance matrices, the
log-likelihoods with and without unknown parts, their gradients, and the prior's log-likelihoods.
SciPy computes the densities again and, from the mixture's marginals, its moments, the probability
of a positive trait, quantiles, and mean and deviation of the age in years.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm
from torch.distributions import MultivariateNormal

E, K, R, D, T = 3, 2, 2, 6, 2
FLOOR = 0.1
KNOWN = torch.tensor([[1, 1, 1], [1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 0, 0]], dtype=torch.float64)


def parameters():
    def normal(*shape):
        return (0.5 * torch.randn(*shape)).double().requires_grad_()

    shapes = {
        "logits.weight": (K, E), "logits.bias": (K,),
        "means.weight": (K * D, E), "means.bias": (K * D,),
        "log_scales.weight": (K * R, E), "log_scales.bias": (K * R,),
        "factors": (K, R, D), "log_noise": (K, D),
        "prior_logits": (K,), "prior_means": (K, D),
        "prior_log_scales": (K, R), "prior_log_noise": (K, D),
    }
    drawn = {name: normal(*shape) for name, shape in shapes.items()}
    for name, size in [("voice", E), ("face", D)]:
        drawn[f"{name}.centre"] = torch.randn(size).double()
        drawn[f"{name}.deviation"] = (0.5 + torch.rand(size)).double()
    return drawn


def basis(p):
    """Gram-Schmidt on the identity is QR with a positive diagonal; traits stay as they are."""
    q, r = torch.linalg.qr(p["factors"][:, :, : D - T].transpose(1, 2))
    q = q * torch.diagonal(r, dim1=1, dim2=2).sign()[:, None, :]
    return torch.cat([q.transpose(1, 2), p["factors"][:, :, D - T :]], 2)


def mixture(p, e, prior=False):
    """Logarithms of the weights, means, dense covariances of one voice."""
    voice = None if prior else (e - p["voice.centre"]) / p["voice.deviation"] / E**0.5
    if prior:
        logits, means = p["prior_logits"], p["prior_means"]
        log_scales, log_noise = p["prior_log_scales"], p["prior_log_noise"]
    else:
        linear = lambda name: p[f"{name}.weight"] @ voice + p[f"{name}.bias"]
        logits, means = linear("logits"), linear("means").reshape(K, D)
        log_scales, log_noise = linear("log_scales").reshape(K, R), p["log_noise"]
    means = p["face.centre"] + p["face.deviation"] * means
    noise = (FLOOR**2 + (2 * log_noise).exp()).sqrt() * p["face.deviation"]
    factors = basis(p) * log_scales.exp()[:, :, None] * noise[:, None, :]
    covariances = torch.diag_embed(noise**2) + factors.transpose(1, 2) @ factors
    return torch.log_softmax(logits, 0), means, covariances


def log_density(logs, means, covariances, x, known):
    is_known = torch.cat([known[:1].repeat(D - T), known[1:]]).bool()
    if not is_known.any():
        return torch.zeros((), dtype=torch.float64)
    parts = [
        logs[k] + MultivariateNormal(means[k][is_known], covariances[k][is_known][:, is_known]).log_prob(x[is_known])
        for k in range(K)
    ]
    return torch.logsumexp(torch.stack(parts), 0)


def by_scipy(logs, means, covariances, x):
    return logsumexp([logs[k] + multivariate_normal(means[k], covariances[k]).logpdf(x) for k in range(K)])


def marginal(logs, means, covariances, index, probabilities):
    """P(x > 0) and quantiles of one dimension."""
    weights, mean, deviation = np.exp(logs), means[:, index], np.sqrt(covariances[:, index, index])
    below = lambda x: float(weights @ norm.cdf((x - mean) / deviation))
    quantiles = [brentq(lambda x: below(x) - p, -50, 50, xtol=1e-13) for p in probabilities]
    return [1 - below(0.0), *quantiles]


def age(logs, means, covariances):
    """Mean and deviation of 15 + 25·exp(0.7·trait) years, by quadrature."""
    mean, deviation = means[:, D - 1], np.sqrt(covariances[:, D - 1, D - 1])
    years = lambda x: 15 + 25 * np.exp(0.7 * x)
    expected = lambda of: sum(
        np.exp(log) * quad(lambda z: of(years(m + s * z)) * norm.pdf(z), -15, 15, epsabs=1e-10)[0]
        for log, m, s in zip(logs, mean, deviation)
    )
    first = expected(lambda x: x)
    return [first, np.sqrt(expected(lambda x: (x - first) ** 2))]


if __name__ == "__main__":
    torch.manual_seed(9)
    p = parameters()
    embedding = torch.randn(5, E).double().requires_grad_()
    feature = torch.randn(5, D).double()
    everything = torch.ones(1 + T).double()
    tensors = {f"head.{name}": value for name, value in p.items()}
    tensors |= {"embedding": embedding, "feature": feature, "known": KNOWN}
    mixtures = [mixture(p, e) for e in embedding]
    tensors["whole"] = torch.stack([log_density(*m, x, everything) for m, x in zip(mixtures, feature)])
    tensors["part"] = torch.stack([log_density(*m, x, k) for m, x, k in zip(mixtures, feature, KNOWN)])
    prior = mixture(p, None, prior=True)
    tensors["prior"] = torch.stack([log_density(*prior, x, everything) for x in feature])

    # Different factors, so that no gradient cancels.
    loss = tensors["whole"].sum() + 0.7 * tensors["part"].sum() + 0.3 * tensors["prior"].sum()
    loss.backward()
    tensors |= {f"gradient.{name}": value.grad for name, value in p.items() if value.requires_grad}
    tensors["gradient.embedding"] = embedding.grad

    for m, x, whole in zip(mixtures, feature, tensors["whole"]):
        arrays = [t.detach().numpy() for t in m]
        assert abs(by_scipy(*arrays, x.numpy()) - whole.item()) < 1e-10
        weights, means, covariances = np.exp(arrays[0]), arrays[1], arrays[2]
        mean = weights @ means
        variance = np.einsum("k,kd->d", weights, np.diagonal(covariances, axis1=1, axis2=2) + (means - mean) ** 2)
        tensors.setdefault("mean", []).append(torch.tensor(mean))
        tensors.setdefault("variance", []).append(torch.tensor(variance))
        at = marginal(*arrays, D - 2, []) + marginal(*arrays, D - 1, [0.05, 0.25, 0.75, 0.95])[1:]
        tensors.setdefault("marginals", []).append(torch.tensor(at))
        tensors.setdefault("age", []).append(torch.tensor(age(*arrays)))
    stacked = {name: torch.stack(value) if isinstance(value, list) else value for name, value in tensors.items()}
    save_file(
        {name: value.detach().float().contiguous() for name, value in stacked.items()},
        Path(__file__).with_name("face_distribution.safetensors"),
    )
