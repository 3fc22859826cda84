"""A run in words: the device, the parameters, the numbers of a step as tables for people."""

from __future__ import annotations

import math
from collections.abc import Mapping

import jax
from ml_collections import ConfigDict

from tryon_jax.forecast import GIB
from tryon_jax.system import State


def device(config: ConfigDict) -> str:
    """The first line of a run: devices, memory, precision."""
    devices = jax.devices()
    stats = jax.local_devices()[0].memory_stats() or {}
    memory = f", {stats['bytes_limit'] / GIB:.1f} GiB each" if "bytes_limit" in stats else ""
    processes = f" in {jax.process_count()} processes" if jax.process_count() > 1 else ""
    return (
        f"device: {len(devices)} x {devices[0].device_kind} ({devices[0].platform})"
        f"{memory}{processes}; compute in {config.precision}"
    )


def parameters(state: State) -> str:
    """A Markdown table: every array of every network, and the totals."""
    rows = ["| network | parameter | shape | numbers |", "|---|---|---|---|"]
    totals = ["| network | numbers |", "|---|---|"]
    for network, tree in {**state.params, **state.frozen}.items():
        leaves = jax.tree_util.tree_leaves_with_path(tree)
        for path, leaf in leaves:
            name = "/".join(str(key.key) for key in path)
            rows.append(f"| {network} | {name} | {leaf.shape} | {math.prod(leaf.shape):,} |")
        total = sum(math.prod(leaf.shape) for _, leaf in leaves)
        totals.append(f"| {network} | {total:,} |")
    return "\n".join([*totals, "", *rows])


def sizes(state: State) -> str:
    """One line: the networks and their numbers of parameters."""
    counts = {
        network: sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))
        for network, tree in {**state.params, **state.frozen}.items()
    }
    parts = ", ".join(f"{network} {count:,}" for network, count in counts.items())
    return f"parameters: {sum(counts.values()):,} ({parts})"


def losses(metrics: Mapping[str, float], weights: Mapping[str, Mapping[str, float]]) -> str:
    """A table of value, weight and product for each loss term of each player."""
    lines = [f"{'loss':<24}{'value':>12}{'weight':>10}{'product':>12}"]
    for player, terms in weights.items():
        for term, weight in terms.items():
            value = float(metrics[f"{player}_{term}"])
            lines.append(
                f"{player + '_' + term:<24}{value:>12.5g}{weight:>10g}{value * weight:>12.5g}"
            )
        total = float(metrics[f"{player}_total"])
        lines.append(f"{player + '_total':<24}{total:>12.5g}")
    return "\n".join(lines)
