"""The grid of models."""

from __future__ import annotations

from sagewizard.sandbox.containers.linear_learner.candidates import Candidate, Fixed, candidates


def test_32_models_are_32_different_ones_in_the_order_of_the_bits() -> None:
    models = candidates(32, "adam", Fixed())
    assert len(set(models)) == 32
    assert models[0] == Candidate(0.005, 0.0, 1e-4, 10, 0.99, 1e-5)
    assert models[5] == Candidate(0.1, 0.0, 1e-4, 100, 0.99, 1e-5)
    assert models[8].wd == 1e-2 and models[2].lr_scheduler_minimum_lr == 1e-4


def test_what_the_job_sets_is_the_same_in_every_model() -> None:
    fixed = Fixed(learning_rate=0.3, l1=0.0, wd=0.7, lr_scheduler_step=9)
    models = candidates(32, "adam", fixed)
    assert {(m.learning_rate, m.l1, m.wd, m.lr_scheduler_step) for m in models} == {(0.3, 0.0, 0.7, 9)}


def test_one_model_is_the_one_that_usually_wins() -> None:
    assert candidates(1, "adam", Fixed()) == [Candidate(0.1, 0.0, 1e-4, 100, 0.99, 1e-5)]
    assert len(set(candidates(4, "adam", Fixed()))) == 4


def test_automatic_weights_of_positives_take_the_place_of_the_minimum_rate() -> None:
    models = candidates(32, "adam", Fixed(), (1.0, 9.0))
    assert {m.positive_weight for m in models} == {1.0, 9.0}
    assert {m.lr_scheduler_minimum_lr for m in models} == {1e-5} and len(set(models)) == 32
    assert candidates(1, "adam", Fixed(), (1.0, 9.0))[0].positive_weight == 9.0
