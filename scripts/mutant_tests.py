"""Which modules are mutated, and the tests that must notice a fault in each: see mutants.py.

Each module is also tested by its own doctests. Tests are chosen to be cheap: a mutant is to cost a few seconds.
"""

from __future__ import annotations

STREAMING = "tests/evaluation/streaming"
REPORT = "tests/evaluation/report"
PAGE = f"{REPORT}/test_page.py"
CHARTS = f"{REPORT}/test_report_figures.py {REPORT}/test_svg.py {REPORT}/test_charts.py"
RECORDINGS = (
    f"{STREAMING}/test_heard_files.py",
    f"{STREAMING}/test_word_files.py",
    f"{STREAMING}/test_counted_files.py",
    f"{STREAMING}/test_recordings_det.py",
)
BREADTH = "tests/evaluation/test_breadth.py"
REPORTED = f"{STREAMING}/test_what_is_reported.py"
DETECTOR = ("tests/detection/test_detector_plan.py", f"{STREAMING}/test_detector.py")
POINTS = f"{STREAMING}/test_operating_point.py"
JUDGING = (f"{STREAMING}/test_judged_by_hand.py", POINTS, f"{STREAMING}/test_judging.py")
MONITOR = ("tests/detection/test_counters_and_takes.py", "tests/firmware_export/test_monitor.py -k 'not board'")
SPOTTER = (f"{STREAMING}/test_stream_model.py", f"{STREAMING}/test_spotter.py")
METHODS = "tests/sparsity/test_methods.py"
UPDATES = "tests/sparsity/test_method_updates.py"
STEPS = "tests/sparsity/test_masked_steps.py"
TRAINED = (f"{METHODS} -k 'clips or refused or (target and (gradual-affine-layer or regrowth-deviation))'",)
LOW_BIT = "tests/quantization/test_low_bit.py"
BATCH_NORM = "tests/quantization/test_statistics_and_folding.py"
FORMULAS = "tests/quantization/test_low_bit_formulas.py"
SHRINK = ("tests/sparsity/test_shrink.py -k 'not resnet and not ds_cnn and not 2-'",)
ENCODINGS = ("tests/firmware_export/test_engine_encodings.py",)
QAT = "tests/quantization/test_tfmot_qat.py"
QAT_PARTS = "tests/quantization/test_qat_parts.py"
BOUNDS = "tests/test_bounds.py"

GROUPS: dict[str, tuple[str, ...]] = {
    "kws_tfmot/sparsity/allocation.py": (
        "tests/sparsity/test_patterns.py",
        "tests/sparsity/test_coverage.py",
        UPDATES,
    ),
    "kws_tfmot/sparsity/compressed_sensing.py": ("tests/sparsity/test_compressed_sensing.py",),
    "kws_tfmot/sparsity/compressed_sensing_pruning.py": (UPDATES, f"{METHODS} -k 'csp and (target or blocks)'"),
    "kws_tfmot/sparsity/coverage.py": ("tests/sparsity/test_coverage.py",),
    "kws_tfmot/sparsity/criteria.py": (UPDATES,),
    "kws_tfmot/sparsity/group.py": ("tests/sparsity/test_older_spelling.py", f"{METHODS} -k refused"),
    "kws_tfmot/sparsity/importance_pruning.py": (UPDATES,),
    "kws_tfmot/sparsity/layer_inputs.py": (STEPS,),
    "kws_tfmot/sparsity/masked_training.py": (STEPS,),
    "kws_tfmot/sparsity/method.py": (UPDATES,),
    "kws_tfmot/sparsity/patterns.py": (
        "tests/sparsity/test_patterns.py",
        "tests/search/test_supernet.py -k select",
        f"{METHODS} -k 'n_of_m and one_shot'",
    ),
    "kws_tfmot/sparsity/method_registry.py": (UPDATES, "tests/sparsity/test_coverage.py", *TRAINED),
    "kws_tfmot/sparsity/zero_counts.py": ("tests/sparsity/test_coverage.py",),
    "kws_tfmot/sparsity/rounds.py": ("tests/pipelines/test_sparse_training.py -k budget",),
    "kws_tfmot/sparsity/schedules.py": ("tests/sparsity/test_short_trainings.py",),
    "kws_tfmot/sparsity/sparsity_settings.py": (
        BOUNDS,
        "tests/sparsity/test_older_spelling.py",
        "tests/sparsity/test_coverage.py",
        f"{METHODS} -k 'settings or refused or clips'",
    ),
    "kws_tfmot/sparsity/survival.py": ("tests/sparsity/test_survival.py -k 'not resnet and not tenet and not match'",),
    "kws_tfmot/sparsity/tfmot_pruning.py": (f"{METHODS} -k 'target and tfmot'",),
    **{
        f"kws_tfmot/sparsity/shrink/{name}.py": SHRINK
        for name in ("channel_graph", "constants", "reading", "shrink", "shrink_report", "units")
    },
    "kws_tfmot/sparsity/shrink/zeroing.py": ("tests/sparsity/test_shrink_zeroing.py -k 'not resnet'",),
    "kws_tfmot/quantization/activation_ranges.py": (f"{FORMULAS} -k ranges", QAT_PARTS),
    "kws_tfmot/quantization/batch_statistics.py": (BATCH_NORM,),
    "kws_tfmot/quantization/batch_norm_folding.py": (BATCH_NORM, "tests/quantization/test_folding.py -k zeros"),
    "kws_tfmot/quantization/grids.py": ("tests/quantization/test_grids.py", f"{FORMULAS} -k 'least or fitted'"),
    "kws_tfmot/quantization/integer_kernels.py": (
        f"{FORMULAS} -k 'integers or channels'",
        f"{LOW_BIT} -k 'saving or bias_in'",
    ),
    "kws_tfmot/quantization/layer_schemes.py": ("tests/quantization/test_layer_schemes.py",),
    "kws_tfmot/quantization/low_bit_layers.py": (
        f"{LOW_BIT} -k 'bits_by or depthwise_kernels or shared or unknown_layer'",
        f"{FORMULAS} -k 'fitted or zero or outputs or integers'",
    ),
    "kws_tfmot/quantization/low_bit_settings.py": (BOUNDS, f"{LOW_BIT} -k 'cannot_be or depthwise_kernels'"),
    "kws_tfmot/quantization/low_bit_training.py": (
        "tests/quantization/test_grids.py -k tensorflow",
        f"{FORMULAS} -k training",
        f"{LOW_BIT} -k '(lie_on and 1-without) or gradient or statistics_follow'",
    ),
    "kws_tfmot/quantization/quantization_settings.py": (
        BOUNDS,
        f"{FORMULAS} -k preserves",
        f"{LOW_BIT} -k cannot_be",
    ),
    "kws_tfmot/quantization/tfmot_clustering.py": (f"{FORMULAS} -k clustered", f"{QAT} -k few_values"),
    "kws_tfmot/quantization/tfmot_qat.py": (QAT_PARTS, f"{QAT} -k 'dnn or sparsity-True or saving'"),
    "kws_tfmot/detection/counters.py": MONITOR,
    "kws_tfmot/detection/detector.py": DETECTOR,
    "kws_tfmot/detection/monitor.py": MONITOR,
    "kws_tfmot/detection/recorder.py": MONITOR,
    "kws_tfmot/detection/posterior.py": DETECTOR,
    "kws_tfmot/detection/rearming.py": DETECTOR,
    "kws_tfmot/detection/detection_settings.py": (BOUNDS, *DETECTOR),
    "kws_tfmot/data/splits.py": (
        "tests/data/test_split_columns.py",
        "tests/data/test_splits.py -k 'identical_audio_is or two_splits or copy'",
        "tests/data/test_held_out_words.py -k 'not training_hears and not without'",
    ),
    "kws_tfmot/data/speakers.py": ("tests/data/test_speakers.py",),
    "kws_tfmot/evaluation/accuracy.py": ("tests/evaluation/test_accuracy.py",),
    "kws_tfmot/evaluation/breadth.py": ("tests/evaluation/test_breadth_by_hand.py", BREADTH),
    "kws_tfmot/evaluation/comparison_summary.py": ("tests/evaluation/test_comparison_plot.py", POINTS),
    "kws_tfmot/evaluation/model_accuracy.py": ("tests/evaluation/test_model_accuracy.py",),
    "kws_tfmot/evaluation/model_scores.py": ("tests/evaluation/test_model_accuracy.py", POINTS),
    "kws_tfmot/evaluation/trust.py": ("tests/evaluation/test_trust.py",),
    **{
        f"kws_tfmot/evaluation/report/{name}.py": (CHARTS, PAGE, "tests/test_frozen.py")
        for name in ("charts", "clips", "contents", "page", "svg")
    },
    "kws_tfmot/evaluation/streaming/cascade.py": (
        f"{STREAMING}/test_look_plan.py",
        f"{STREAMING}/test_looks.py",
        "tests/firmware_export/test_cascade.py -k 'frame or look or fit'",
    ),
    "kws_tfmot/evaluation/streaming/composed.py": (
        BOUNDS,
        f"{STREAMING}/test_composed_noise.py",
        f"{STREAMING}/test_composed.py",
    ),
    "kws_tfmot/evaluation/streaming/det_curve.py": JUDGING,
    "kws_tfmot/evaluation/streaming/heard_clips.py": (f"{STREAMING}/test_heard_clips.py",),
    "kws_tfmot/evaluation/streaming/heard_files.py": RECORDINGS,
    "kws_tfmot/evaluation/streaming/intervals.py": JUDGING,
    "kws_tfmot/evaluation/streaming/judging.py": JUDGING,
    "kws_tfmot/evaluation/streaming/misses.py": (REPORTED,),
    "kws_tfmot/evaluation/streaming/product.py": (REPORTED, *JUDGING),
    "kws_tfmot/evaluation/streaming/recordings_det.py": (*RECORDINGS, f"{STREAMING}/test_judged_by_hand.py"),
    "kws_tfmot/evaluation/streaming/sources.py": (f"{STREAMING}/test_sources.py",),
    "kws_tfmot/evaluation/streaming/spotter.py": SPOTTER,
    "kws_tfmot/evaluation/streaming/tally.py": RECORDINGS,
    "kws_tfmot/evaluation/streaming/truth.py": (f"{STREAMING}/test_truth.py", *JUDGING),
    "kws_tfmot/evaluation/streaming/under_noise.py": (REPORTED,),
    "kws_tfmot/evaluation/streaming/word_files.py": RECORDINGS,
    **{
        f"firmware_export/encodings/{name}.py": ENCODINGS
        for name in ("base", "bitmap", "block", "dense", "index", "lowbit", "nm", "planes", "delta4")
    },
    "firmware_export/encodings/delta.py": (*ENCODINGS, "tests/firmware_export/test_delta.py"),
    "firmware_export/encodings/narrow.py": (*ENCODINGS, "tests/firmware_export/test_narrow.py"),
    "firmware_export/encodings/row_pairs.py": ("tests/firmware_export/test_dense_pairs.py",),
    "firmware_export/encodings/core_costs.py": (
        "tests/firmware_export/test_cores.py",
        "tests/firmware_export/test_encoding_costs.py",
    ),
    "firmware_export/encodings/cost_model.py": (
        "tests/firmware_export/test_encoding_choice.py",
        "tests/firmware_export/test_encoding_costs.py -m device",
    ),
}  # fmt: skip

EVERYWHERE = "tests/test_frozen.py"
"""A test of all modules."""

IGNORED = {
    # Constants fitted to cycles: one cycle more is less than what the fit is off by. A slow test fits them again.
    "firmware_export/encodings/core_costs.py": ("core/NumberReplacer",),
}
