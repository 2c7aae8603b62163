"""The article's claims, one by one. The thresholds that are ours, because the claim has no figure, are marked so."""

from __future__ import annotations

from f5lite.evidence.claims import Claim
from f5lite.evidence.combined import All, FirstOf
from f5lite.evidence.rules import Fact, Limit, Margin, Reduction, Rise, Stated

CLAIMS = (
    Claim(
        "title",
        "Three techniques cut F5-TTS's memory on phones by well over half.",
        "内存占用直降",
        "−60 % in the title, −70 % in the table",
        "the article's last rung of the ladder against its first, peak and average",
        ("08",),
        All(
            (
                Reduction("the peak", "upstream_peak", "article_rung_peak", 0.60),
                Reduction("the average", "upstream_average", "article_rung_average", 0.60),
            )
        ),
    ),
    Claim(
        "baseline",
        "The original model needs 1200 MB and 2.5 s.",
        "原始模型",
        "1200 MB, 2.5 s",
        "bytes of the weights, peak while speaking, time of the default 32 steps",
        ("01", "08"),
        All(
            (
                Stated("what the weights alone take", "weights", 1200),
                Stated("the peak while speaking", "speaking_peak", 1200),
                Stated("the time for one utterance", "utterance", 2.5, within=0.10),
            )
        ),
    ),
    Claim(
        "heat",
        "Phones grow hot, and the techniques help.",
        "手机发烫",
        "",
        "power where readable, else temperature, over five sustained minutes",
        ("08",),
        FirstOf(
            (
                Reduction("the power drawn", "upstream_power", "article_rung_power", stated=False),
                Reduction(
                    "the rise in temperature", "upstream_warming", "article_rung_warming", stated=False
                ),
            ),
            ("", ""),
        ),
    ),
    Claim(
        "single-sentence",
        "For one sentence at a time, features can be switched off to save memory.",
        "",
        "",
        "the peak at batch 1 with mask and padding, and without",
        ("03",),
        Reduction(
            "the peak of anonymous memory for one sentence", "masked_peak", "unmasked_peak", stated=False
        ),
        where="cfm.py",
    ),
    Claim(
        "on-demand",
        "Loading modules when needed and releasing them afterwards lowers the average memory greatly.",
        "按需分配, 动态加载",
        "greatly",
        "average memory over requests with pauses, stages kept against stages released",
        ("03",),
        Reduction(
            "the average", "resident_average", "on_demand_average", 0.10, stated=False
        ),  # "greatly": ours
    ),
    Claim(
        "three-stages",
        "Split into text processing, acoustic modelling and waveform generation, the model needs less memory.",
        "文本处理、声学建模、波形生成",
        "",
        "bytes of each stage: all together against the largest alone",
        ("03",),
        All(
            (
                Limit("stages that load and run alone", "stages", at_least=3),
                Reduction(
                    "what must be there at once", "all_stages", "largest_stage", 0.10, stated=False
                ),  # ours
            )
        ),
    ),
    Claim(
        "monitor",
        "A monitor follows available memory in real time.",
        "内存监控",
        "",
        "how far its readings are from the kernel's, and what it costs",
        ("04",),
        All(
            (
                Limit(
                    "the largest error against the kernel's reading", "reading_error", at_most=5
                ),  # percent; ours
                Limit(
                    "its cost at five readings a second", "monitor_cost", at_most=1
                ),  # percent of a core; ours
            )
        ),
    ),
    Claim(
        "priority-queue",
        "A priority queue that adapts to memory makes low-memory devices stable, with nothing lost in function.",
        "优先级队列",
        "",
        "requests under a cap: finished, refused by name, lost, killed; with the queue and without",
        ("04",),
        All(
            (
                Limit("requests lost with the queue", "lost", at_most=0),
                Limit("times the queue was killed", "killed", at_most=0),
                Rise("the number of finished requests", "finished_without", "finished_with"),
            )
        ),
    ),
    Claim(
        "int8-size",
        "8-bit parameters instead of 32-bit floats make the model a quarter of its size.",
        "8位量化",
        "−75 %",
        "bytes of the file, linear layers alone and whole",
        ("05",),
        All(
            (
                Reduction("what the linear layers take", "linear_fp32", "linear_int8", 0.75),
                Reduction("the whole file", "file_fp32", "file_int8", 0.75),
            )
        ),
    ),
    Claim(
        "int8-memory",
        "8-bit parameters take the memory in use from 1200 to 480 MB.",
        "8位量化",
        "1200 → 480 MB (−60 %)",
        "peak RSS, loading included",
        ("05", "08"),
        Reduction("the peak", "fp32_peak", "int8_peak", 0.60),
    ),
    Claim(
        "int8-time",
        "8-bit parameters make it faster by 40 % or more.",
        "8位量化",
        "−40 % or more; 2.5 → 1.5 s",
        "one pass, interleaved",
        ("06", "08"),
        Reduction("the time of a pass", "fp32_pass", "int8_pass", 0.40),
    ),
    Claim(
        "int8-battery",
        "8-bit parameters take less energy, so the battery lasts longer.",
        "8位量化",
        "",
        "joules where they can be read, else CPU seconds",
        ("06",),
        FirstOf(
            (
                Reduction("the energy", "fp32_energy", "int8_energy", stated=False),
                Reduction("the processor time", "fp32_cpu", "int8_cpu", stated=False),
            ),
            ("", "Processor time stands in for energy, which can't be read here."),
        ),
    ),
    Claim(
        "int8-sound",
        "The difference that 8-bit parameters make can't be heard.",
        "几乎可以忽略不计",
        "",
        "paired word error rate, int8 minus fp32, and a blind A/B by the reader",
        ("06", "08"),
        Margin("the difference in word error rate", "wer_difference", 1),  # points; ours
    ),
    Claim(
        "trainer-ready",
        "An 8-bit AdamW in the trainer shows that the project is ready for quantised inference.",
        "",
        "",
        "what that optimiser changes in a checkpoint",
        ("05",),
        Fact(
            "checkpoint_is_8bit",
            "The checkpoint that this optimiser leaves behind holds 8-bit weights.",
            "The checkpoint that this optimiser leaves behind holds no 8-bit weights: only its own state was 8-bit.",
        ),
        where="trainer.py",
    ),
    Claim(
        "flash-attention",
        "Attention is made cheaper by another order of memory access.",
        "FlashAttention",
        "",
        "each backend's time and memory against plain attention, results compared",
        ("07",),
        All(
            (
                Fact("same_result", "The results agree to rounding.", "The results do not agree."),
                Reduction("the time of attention", "math_time", "backend_time", stated=False),
                Reduction("the memory of attention", "math_memory", "backend_memory", stated=False),
            )
        ),
        where="modules.py, attn_backend",
    ),
    Claim(
        "long-text",
        "It pays most on long text.",
        "长文本",
        "",
        "the gain (time without ÷ time with) at 512 and at 4096 frames, and the lengths that chunking reaches",
        ("07",),
        Rise("the gain", "gain_short", "gain_long"),
    ),
    Claim(
        "three-steps",
        "Turn the backend on in the configuration, install a library for mobile, recompile the model.",
        "",
        "three steps",
        "which of the three exist on this hardware",
        ("07", "11"),
        Limit("steps of the three that exist here", "steps_that_exist", at_least=3),
    ),
    Claim(
        "all-memory",
        "All three together need 360 MB.",
        "",
        "360 MB (−70 %)",
        "the ladder's peaks: the article's last rung against the original",
        ("08",),
        Reduction("the peak", "upstream_peak", "article_rung_peak", 0.70),
    ),
    Claim(
        "all-time",
        "All three together need 0.8 s.",
        "",
        "0.8 s (−68 %)",
        "the ladder's times: the article's last rung against the original",
        ("08",),
        Reduction("the time for one utterance", "upstream_time", "article_rung_time", 0.68),
    ),
    Claim(
        "experience",
        "Crashes and stutters give way to smooth speech.",
        "应用闪退, 经常卡顿 → 流畅运行 → 极致体验",
        "",
        "survival under a cap, and seconds of work for a second of speech",
        ("04", "08"),
        All(
            (
                Limit("runs killed under the cap", "killed", at_most=0),
                Limit("seconds of work for a second of speech", "real_time_factor", at_most=1),  # ours
            )
        ),
    ),
    Claim(
        "pruning",
        "Redundant parameters can go with little effect.",
        "模型剪枝",
        "",
        "size and word error rate after structured pruning and recovery",
        ("10",),
        All(
            (
                Reduction("the size", "whole_size", "pruned_size", 0.10, stated=False),  # ours
                Margin("the difference in word error rate", "wer_difference", 2),  # points; ours
            )
        ),
    ),
    Claim(
        "distillation",
        "A small student comes close to its teacher.",
        "知识蒸馏",
        "",
        "size and word error rate of the student beside the teacher's",
        ("10",),
        All(
            (
                Reduction("the size", "teacher_size", "student_size", 0.10, stated=False),  # ours
                Margin("the difference in word error rate", "wer_difference", 3),  # points; ours
            )
        ),
    ),
    Claim(
        "accelerators",
        "A phone's AI processor takes it a step further.",
        "硬件加速",
        "",
        "what can be exported and run on such a processor",
        ("11",),
        Reduction("the time of a pass", "cpu_pass", "accelerator_pass", stated=False),
    ),
)
