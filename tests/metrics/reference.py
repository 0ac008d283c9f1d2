#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the reference values of the tests of metrics, from scikit-learn and torchmetrics.

Prints samples.hpp: python tests/metrics/reference.py > tests/metrics/samples.hpp
Made with scikit-learn 1.9.1, torchmetrics 1.9.0 and torch 2.11.0.
"""
import numpy as np
import torch
import torchmetrics.functional as tm
from sklearn import metrics as sk

rng = np.random.default_rng(20)
N, C = 24, 5
target = rng.integers(0, C - 1, N)  # the last class is predicted but is never a target
scores = np.round(rng.normal(size=(N, C)), 3)
scores[np.arange(N), target] += 0.8
scores = np.round(scores, 3)
predicted = scores.argmax(1)
binary_target = rng.integers(0, 2, N)
binary_scores = np.round(np.clip(rng.normal(0.45, 0.25, N) + 0.2 * binary_target, 0, 1), 1)  # with ties
binary_predicted = (binary_scores > 0.5).astype(int)
values = np.round(rng.normal(size=N), 4)
truths = np.round(values + rng.normal(size=N) * 0.3, 4)
log_likelihoods = torch.log_softmax(torch.tensor(scores), 1)[torch.arange(N), torch.tensor(target)].numpy()
ignored = np.where(np.arange(N) % 6 == 5, -100, target)


def listed(type_, name, data):
    text = ", ".join(repr(x) for x in np.asarray(data).ravel().tolist())
    print(f"inline const std::vector<{type_}> {name}{{{text}}};")


def value(name, number):
    print(f"inline constexpr double {name} = {float(number)!r};")


print("// SPDX-License-Identifier: Apache-2.0")
print("/// Samples and their scores by scikit-learn 1.9.1 and torchmetrics 1.9.0, written by reference.py.")
print("#pragma once\n\n#include <cstdint>\n#include <vector>\n\nnamespace samples {\n")
print(f"inline constexpr std::int64_t num_samples = {N}, num_classes = {C};")
listed("double", "scores", scores)
listed("std::int64_t", "predicted", predicted)
listed("std::int64_t", "target", target)
listed("std::int64_t", "target_with_ignored", ignored)
listed("double", "binary_scores", binary_scores)
listed("std::int64_t", "binary_predicted", binary_predicted)
listed("std::int64_t", "binary_target", binary_target)
listed("double", "values", values)
listed("double", "truths", truths)
listed("double", "log_likelihoods", log_likelihoods)
print("\n// scikit-learn")
value("accuracy", sk.accuracy_score(target, predicted))
keep = ignored >= 0
value("accuracy_without_ignored", sk.accuracy_score(target[keep], predicted[keep]))
value("binary_accuracy", sk.accuracy_score(binary_target, binary_predicted))
for k in (1, 2, 3):
    value(f"top{k}", sk.top_k_accuracy_score(target, scores, k=k, labels=range(C)))
for average in ("macro", "micro", "weighted"):
    p, r, f, _ = sk.precision_recall_fscore_support(target, predicted, average=average, zero_division=0)
    value(f"precision_{average}", p), value(f"recall_{average}", r), value(f"f1_{average}", f)
p, r, f, _ = sk.precision_recall_fscore_support(binary_target, binary_predicted, average="binary", zero_division=0)
value("precision_binary", p), value("recall_binary", r), value("f1_binary", f)
p, r, f, _ = sk.precision_recall_fscore_support(target[keep], predicted[keep], average="macro", zero_division=0)
value("f1_macro_without_ignored", f)
listed("std::int64_t", "confusion", sk.confusion_matrix(target, predicted, labels=range(C)))
value("auroc", sk.roc_auc_score(binary_target, binary_scores))
value("mean_absolute_error", sk.mean_absolute_error(truths, values))
value("mean_squared_error", sk.mean_squared_error(truths, values))
value("root_mean_squared_error", sk.root_mean_squared_error(truths, values))
print("\n// torchmetrics")
t = torch.tensor
value("perplexity", tm.text.perplexity(t(scores)[None], t(target)[None]))
value("perplexity_without_ignored", tm.text.perplexity(t(scores)[None], t(ignored)[None], ignore_index=-100))
value("f1_macro_torchmetrics", tm.classification.multiclass_f1_score(t(predicted), t(target), C, average="macro"))
value("auroc_torchmetrics", tm.classification.binary_auroc(t(binary_scores), t(binary_target)))
print("\n}  // namespace samples")
