// SPDX-License-Identifier: Apache-2.0
/// Samples and their scores by scikit-learn 1.9.1 and torchmetrics 1.9.0, written by reference.py.
#pragma once

#include <cstdint>
#include <vector>

namespace samples {

inline constexpr std::int64_t num_samples = 24, num_classes = 5;
inline const std::vector<double> scores{
    -0.64,  -1.088, -1.202, -0.042, 0.599,  0.018,  0.343,  -0.239, -1.427, 1.231,  -1.216, 0.842,  2.137,  -2.551,
    -1.407, -0.724, 0.917,  -1.715, -0.235, -0.028, 0.171,  -2.388, 0.646,  2.397,  0.437,  0.077,  -0.613, -2.646,
    0.476,  1.503,  1.45,   -2.977, -0.426, -0.103, -0.484, 1.033,  -1.744, 0.082,  0.596,  0.991,  0.969,  1.055,
    0.52,   -1.059, 1.294,  -0.506, -0.831, 0.438,  1.814,  0.959,  0.997,  0.991,  -2.465, 0.68,   0.158,  -1.841,
    -0.652, -0.88,  1.061,  0.123,  1.098,  0.243,  -1.328, -1.964, 0.057,  0.507,  -0.014, -0.166, -0.499, 0.555,
    0.192,  -0.623, -1.1,   -2.59,  -1.441, -0.153, 0.911,  -0.42,  1.477,  1.161,  2.38,   0.287,  1.494,  1.034,
    -1.239, -2.271, 0.297,  1.688,  2.47,   -0.668, 0.49,   -0.116, -2.368, 1.175,  -0.322, -1.276, 2.488,  -0.617,
    0.469,  -0.265, -0.717, -0.168, 1.593,  -0.69,  -1.651, 1.796,  0.439,  -0.159, -0.092, -1.565, -0.065, 1.661,
    -1.932, 0.867,  0.808,  -0.272, 0.902,  -0.333, -0.446, -1.862};
inline const std::vector<std::int64_t> predicted{4, 4, 2, 1, 3, 4, 0, 0, 4, 3, 0, 3,
                                                 0, 4, 0, 3, 0, 3, 3, 1, 2, 0, 1, 1};
inline const std::vector<std::int64_t> target{3, 1, 1, 1, 3, 0, 0, 2, 0, 1, 1, 0, 0, 0, 2, 3, 3, 2, 3, 1, 2, 2, 1, 1};
inline const std::vector<std::int64_t> target_with_ignored{3, 1, 1, 1, 3, -100, 0, 2, 0, 1, 1, -100,
                                                           0, 0, 2, 3, 3, -100, 3, 1, 2, 2, 1, -100};
inline const std::vector<double> binary_scores{0.2, 0.4, 0.4, 0.4, 0.2, 0.8, 0.3, 0.3, 0.7, 0.3, 0.8, 0.2,
                                               0.3, 0.5, 0.0, 0.5, 0.6, 0.9, 0.4, 0.6, 0.4, 0.6, 0.2, 0.4};
inline const std::vector<std::int64_t> binary_predicted{0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0,
                                                        0, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 0};
inline const std::vector<std::int64_t> binary_target{0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 0, 0,
                                                     0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0};
inline const std::vector<double> values{-0.9434, 0.5997, -0.675, -1.0457, -0.1078, -0.0588, -1.6898, -1.0706,
                                        -0.5858, 0.3811, 0.5208, 0.7827,  -0.2667, -0.8366, -1.4406, 0.0986,
                                        -0.4187, 0.4152, 0.9909, 1.9812,  -0.8839, 0.5535,  -1.6613, 1.0344};
inline const std::vector<double> truths{-1.3101, 0.5582, -1.006, -0.5802, 0.0565,  0.2097,  -1.7325, -0.9563,
                                        -0.9174, 0.2361, 0.931,  0.2254,  -0.2474, -0.4737, -1.1174, 0.2988,
                                        -0.4143, 0.8203, 0.9039, 1.9684,  -1.3897, 0.6467,  -1.7563, 1.0344};
inline const std::vector<double> log_likelihoods{
    -1.414180685620562,  -1.5855353671804207,  -1.5928648316705842, -0.6782387542687517, -0.35821430290366346,
    -1.9768002276119865, -0.41958687475324546, -2.0672624671442223, -1.4454358902900788, -3.258643376367152,
    -1.1647216826783056, -3.473096761395712,   -0.6489697157183044, -1.2581630774770196, -1.972374627491194,
    -0.971838618280898,  -1.9463227953375855,  -1.2665381611157338, -0.7089284254358432, -0.23470831047485072,
    -0.3450917833919093, -2.4156293198567584,  -0.7341347347663882, -0.6537622167849757};

// scikit-learn
inline constexpr double accuracy = 0.4166666666666667;
inline constexpr double accuracy_without_ignored = 0.45;
inline constexpr double binary_accuracy = 0.6666666666666666;
inline constexpr double top1 = 0.4166666666666667;
inline constexpr double top2 = 0.6666666666666666;
inline constexpr double top3 = 0.8333333333333334;
inline constexpr double precision_macro = 0.45714285714285713;
inline constexpr double recall_macro = 0.32666666666666666;
inline constexpr double f1_macro = 0.3611055611055611;
inline constexpr double precision_micro = 0.4166666666666667;
inline constexpr double recall_micro = 0.4166666666666667;
inline constexpr double f1_micro = 0.4166666666666667;
inline constexpr double precision_weighted = 0.613095238095238;
inline constexpr double recall_weighted = 0.4166666666666667;
inline constexpr double f1_weighted = 0.47230547230547226;
inline constexpr double precision_binary = 0.5714285714285714;
inline constexpr double recall_binary = 0.4444444444444444;
inline constexpr double f1_binary = 0.5;
inline constexpr double f1_macro_without_ignored = 0.3927272727272727;
inline const std::vector<std::int64_t> confusion{2, 0, 0, 1, 3, 1, 4, 1, 1, 1, 3, 0, 1,
                                                 1, 0, 1, 0, 0, 3, 1, 0, 0, 0, 0, 0};
inline constexpr double auroc = 0.725925925925926;
inline constexpr double mean_absolute_error = 0.2228125;
inline constexpr double mean_squared_error = 0.07951075291666666;
inline constexpr double root_mean_squared_error = 0.28197651128536694;

// torchmetrics
inline constexpr double perplexity = 3.888253656478866;
inline constexpr double perplexity_without_ignored = 3.529097886508944;
inline constexpr double f1_macro_torchmetrics = 0.3611055612564087;
inline constexpr double auroc_torchmetrics = 0.7259259223937988;

}  // namespace samples
