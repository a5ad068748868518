# SPDX-License-Identifier: MIT
"""The network of one training, as the ``model`` section of the YAML that ``nequip-train`` 0.19 reads."""

from __future__ import annotations

from typing import Any

from aiida_zif.formats.nequip_run import TrainRun


def network(run: TrainRun) -> dict[str, Any]:
    """Return class and settings of the network; what depends on the frames is left to nequip's own statistics of them."""
    common: dict[str, Any] = {
        "compile_mode": "eager",
        "seed": run.seed,
        "model_dtype": run.precision,
        "type_names": "${model_type_names}",
        "r_max": "${cutoff_radius}",
        "avg_num_neighbors": "${training_data_stats:num_neighbors_mean}",
        "per_type_energy_scales": f"${{training_data_stats:{run.energy_scale}}}",
        "per_type_energy_shifts": "${training_data_stats:per_atom_energy_mean}",
    }
    if run.pair_prior == "zbl":
        # type names are chemical symbols here, and `metal` is eV and Å
        zbl = {"_target_": "nequip.nn.pair_potential.ZBL", "units": "metal", "chemical_species": "${chemical_species}"}
        common["pair_potential"] = zbl
    if run.architecture == "allegro":
        return _allegro(run, common)
    return _so3(run, common) if run.irreps == "so3" else _nequip(run, common)


def _nequip(run: TrainRun, common: dict[str, Any]) -> dict[str, Any]:
    return {
        "_target_": "nequip.model.NequIPGNNModel",
        **common,
        "l_max": run.l_max,
        "num_layers": run.layers,
        "parity": run.parity,
        **_radial(run),
        "num_features": run.features,
        "radial_mlp_depth": run.radial_depth,
        "radial_mlp_width": run.radial_width,
        **_readout(run),
    }


def _so3(run: TrainRun, common: dict[str, Any]) -> dict[str, Any]:
    """Return what nequip 0.5.6 built for ``parity: false``: every order even, so that the features cannot tell mirror images apart.

    The last layer leaves scalars only, as in ``nequip.model.NequIPGNNModel``, which has no such switch any more.
    """
    orders = range(run.l_max + 1)
    hidden = "+".join(f"{run.features}x{order}e" for order in orders)
    return {
        "_target_": "nequip.model.FullNequIPGNNModel",
        **common,
        "irreps_edge_sh": "+".join(f"1x{order}e" for order in orders),
        "type_embed_num_features": run.features,
        "feature_irreps_hidden": [hidden] * (run.layers - 1) + [f"{run.features}x0e"],
        "radial_mlp_depth": [run.radial_depth] * run.layers,
        "radial_mlp_width": [run.radial_width] * run.layers,
        **_radial(run),
        **_readout(run),
    }


def _allegro(run: TrainRun, common: dict[str, Any]) -> dict[str, Any]:
    return {
        "_target_": "allegro.model.AllegroModel",
        **common,
        "l_max": run.l_max,
        "num_layers": run.layers,
        "parity": run.parity,
        "radial_chemical_embed": {"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", **_radial(run)},
        "radial_chemical_embed_dim": run.radial_embedding,
        "scalar_embed_mlp_hidden_layers_depth": run.radial_depth,
        "scalar_embed_mlp_hidden_layers_width": run.radial_width,
        "scalar_embed_mlp_nonlinearity": "silu",
        "num_scalar_features": run.features,
        "num_tensor_features": run.tensor_features,
        "allegro_mlp_hidden_layers_depth": run.allegro_depth,
        "allegro_mlp_hidden_layers_width": run.allegro_width,
        "allegro_mlp_nonlinearity": "silu",
        "tp_path_channel_coupling": True,
        **_readout(run, 1),
    }


def _radial(run: TrainRun) -> dict[str, Any]:
    return {"num_bessels": run.bessels, "bessel_trainable": run.bessels_trainable, "polynomial_cutoff_p": run.polynomial_cutoff}


def _readout(run: TrainRun, otherwise: int | None = None) -> dict[str, Any]:
    """Return the readout; nothing, which is one linear map, where neither the run nor ``otherwise`` gives it hidden layers."""
    depth = otherwise if run.readout_depth is None else run.readout_depth
    if depth is None:
        return {}
    return {
        "readout_mlp_hidden_layers_depth": depth,
        "readout_mlp_hidden_layers_width": run.readout_width,
        "readout_mlp_nonlinearity": None if run.readout_nonlinearity == "none" else run.readout_nonlinearity,
    }
