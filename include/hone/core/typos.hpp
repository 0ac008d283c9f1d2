// SPDX-License-Identifier: Apache-2.0
/// Names that people write when they mean a hook or an override: names with a letter missing or two exchanged, synonyms,
/// and names of other frameworks. Written by scripts/generate_typos.
#pragma once

// clang-format off
/// X(hook)
#define HONE_HOOK_NAMES(X) \
  X(on_before_optimizer_step) X(on_eval_epoch_end) X(on_eval_epoch_start) X(on_eval_step_end) X(on_eval_step_start) \
  X(on_evaluation_run_end) X(on_evaluation_run_start) X(on_exception) X(on_init_end) X(on_load_checkpoint) \
  X(on_optimizer_step) X(on_predict_run_end) X(on_predict_run_start) X(on_predict_step_end) X(on_predict_step_start) \
  X(on_resume_point) X(on_save_checkpoint) X(on_stop_training) X(on_train_epoch_end) X(on_train_epoch_start) \
  X(on_train_loss) X(on_train_step_end) X(on_train_step_start) X(on_training_run_end) X(on_training_run_epoch_end) \
  X(on_training_run_start)
/// X(near miss, hook)
#define HONE_HOOK_NEAR_MISSES(X) \
  X(onBeforeOptimizerStep, on_before_optimizer_step) X(on_after_backward, on_before_optimizer_step) \
  X(on_backward, on_before_optimizer_step) X(on_befoe_optimizer_step, on_before_optimizer_step) \
  X(on_befoer_optimizer_step, on_before_optimizer_step) X(on_befor_eoptimizer_step, on_before_optimizer_step) \
  X(on_befor_optimizer_step, on_before_optimizer_step) X(on_before_opimizer_step, on_before_optimizer_step) \
  X(on_before_opitmizer_step, on_before_optimizer_step) X(on_before_optiimzer_step, on_before_optimizer_step) \
  X(on_before_optiizer_step, on_before_optimizer_step) X(on_before_optim_batch, on_before_optimizer_step) \
  X(on_before_optim_iteration, on_before_optimizer_step) X(on_before_optim_step, on_before_optimizer_step) \
  X(on_before_optimier_step, on_before_optimizer_step) X(on_before_optimiezr_step, on_before_optimizer_step) \
  X(on_before_optimiser_batch, on_before_optimizer_step) X(on_before_optimiser_iteration, on_before_optimizer_step) \
  X(on_before_optimiser_step, on_before_optimizer_step) X(on_before_optimize_rstep, on_before_optimizer_step) \
  X(on_before_optimize_step, on_before_optimizer_step) X(on_before_optimizer_batch, on_before_optimizer_step) \
  X(on_before_optimizer_iteration, on_before_optimizer_step) X(on_before_optimizer_sep, on_before_optimizer_step) \
  X(on_before_optimizer_setp, on_before_optimizer_step) X(on_before_optimizer_ste, on_before_optimizer_step) \
  X(on_before_optimizer_stp, on_before_optimizer_step) X(on_before_optimizer_stpe, on_before_optimizer_step) \
  X(on_before_optimizer_tep, on_before_optimizer_step) X(on_before_optimizer_tsep, on_before_optimizer_step) \
  X(on_before_optimizers_tep, on_before_optimizer_step) X(on_before_optimizerstep, on_before_optimizer_step) \
  X(on_before_optimizr_step, on_before_optimizer_step) X(on_before_optimizre_step, on_before_optimizer_step) \
  X(on_before_optimzer_step, on_before_optimizer_step) X(on_before_optimzier_step, on_before_optimizer_step) \
  X(on_before_optmiizer_step, on_before_optimizer_step) X(on_before_optmizer_step, on_before_optimizer_step) \
  X(on_before_otimizer_step, on_before_optimizer_step) X(on_before_otpimizer_step, on_before_optimizer_step) \
  X(on_before_potimizer_step, on_before_optimizer_step) X(on_before_ptimizer_step, on_before_optimizer_step) \
  X(on_before_zero_grad, on_before_optimizer_step) X(on_beforeo_ptimizer_step, on_before_optimizer_step) \
  X(on_beforeoptimizer_step, on_before_optimizer_step) X(on_befre_optimizer_step, on_before_optimizer_step) \
  X(on_befroe_optimizer_step, on_before_optimizer_step) X(on_beofre_optimizer_step, on_before_optimizer_step) \
  X(on_beore_optimizer_step, on_before_optimizer_step) X(on_bfeore_optimizer_step, on_before_optimizer_step) \
  X(on_bfore_optimizer_step, on_before_optimizer_step) X(on_clip_gradients, on_before_optimizer_step) \
  X(on_ebfore_optimizer_step, on_before_optimizer_step) X(on_efore_optimizer_step, on_before_optimizer_step) \
  X(on_optimizer_step_start, on_before_optimizer_step) X(on_pre_optimizer_step, on_before_optimizer_step) \
  X(onb_efore_optimizer_step, on_before_optimizer_step) X(onEvalEpochEnd, on_eval_epoch_end) \
  X(on_eal_epoch_end, on_eval_epoch_end) X(on_eavl_epoch_end, on_eval_epoch_end) \
  X(on_eva_epoch_end, on_eval_epoch_end) X(on_eva_lepoch_end, on_eval_epoch_end) X(on_eval_end, on_eval_epoch_end) \
  X(on_eval_eoch_end, on_eval_epoch_end) X(on_eval_eopch_end, on_eval_epoch_end) \
  X(on_eval_epch_end, on_eval_epoch_end) X(on_eval_epcoh_end, on_eval_epoch_end) \
  X(on_eval_epoc_end, on_eval_epoch_end) X(on_eval_epoc_hend, on_eval_epoch_end) \
  X(on_eval_epoch_ed, on_eval_epoch_end) X(on_eval_epoch_edn, on_eval_epoch_end) \
  X(on_eval_epoch_en, on_eval_epoch_end) X(on_eval_epoch_finish, on_eval_epoch_end) \
  X(on_eval_epoch_nd, on_eval_epoch_end) X(on_eval_epoch_ned, on_eval_epoch_end) \
  X(on_eval_epoche_nd, on_eval_epoch_end) X(on_eval_epochend, on_eval_epoch_end) \
  X(on_eval_epoh_end, on_eval_epoch_end) X(on_eval_epohc_end, on_eval_epoch_end) \
  X(on_eval_peoch_end, on_eval_epoch_end) X(on_eval_poch_end, on_eval_epoch_end) \
  X(on_evale_poch_end, on_eval_epoch_end) X(on_evalepoch_end, on_eval_epoch_end) X(on_evaluate, on_eval_epoch_end) \
  X(on_evaluate_end, on_eval_epoch_end) X(on_evaluate_epoch_end, on_eval_epoch_end) \
  X(on_evaluate_epoch_finish, on_eval_epoch_end) X(on_evaluation_epoch_end, on_eval_epoch_end) \
  X(on_evaluation_epoch_finish, on_eval_epoch_end) X(on_evl_epoch_end, on_eval_epoch_end) \
  X(on_evla_epoch_end, on_eval_epoch_end) X(on_test_epoch_end, on_eval_epoch_end) \
  X(on_test_epoch_finish, on_eval_epoch_end) X(on_testing_epoch_end, on_eval_epoch_end) \
  X(on_testing_epoch_finish, on_eval_epoch_end) X(on_val_epoch_end, on_eval_epoch_end) \
  X(on_val_epoch_finish, on_eval_epoch_end) X(on_validate_epoch_end, on_eval_epoch_end) \
  X(on_validate_epoch_finish, on_eval_epoch_end) X(on_validation_end, on_eval_epoch_end) \
  X(on_validation_epoch_end, on_eval_epoch_end) X(on_validation_epoch_finish, on_eval_epoch_end) \
  X(on_veal_epoch_end, on_eval_epoch_end) X(one_val_epoch_end, on_eval_epoch_end) \
  X(onEvalEpochStart, on_eval_epoch_start) X(on_eal_epoch_start, on_eval_epoch_start) \
  X(on_eavl_epoch_start, on_eval_epoch_start) X(on_eva_epoch_start, on_eval_epoch_start) \
  X(on_eva_lepoch_start, on_eval_epoch_start) X(on_eval_dataloader_iter_creation_end, on_eval_epoch_start) \
  X(on_eval_dataloader_iter_creation_start, on_eval_epoch_start) X(on_eval_eoch_start, on_eval_epoch_start) \
  X(on_eval_eopch_start, on_eval_epoch_start) X(on_eval_epch_start, on_eval_epoch_start) \
  X(on_eval_epcoh_start, on_eval_epoch_start) X(on_eval_epoc_hstart, on_eval_epoch_start) \
  X(on_eval_epoc_start, on_eval_epoch_start) X(on_eval_epoch_begin, on_eval_epoch_start) \
  X(on_eval_epoch_sart, on_eval_epoch_start) X(on_eval_epoch_satrt, on_eval_epoch_start) \
  X(on_eval_epoch_star, on_eval_epoch_start) X(on_eval_epoch_stat, on_eval_epoch_start) \
  X(on_eval_epoch_statr, on_eval_epoch_start) X(on_eval_epoch_strat, on_eval_epoch_start) \
  X(on_eval_epoch_strt, on_eval_epoch_start) X(on_eval_epoch_tart, on_eval_epoch_start) \
  X(on_eval_epoch_tsart, on_eval_epoch_start) X(on_eval_epochs_tart, on_eval_epoch_start) \
  X(on_eval_epochstart, on_eval_epoch_start) X(on_eval_epoh_start, on_eval_epoch_start) \
  X(on_eval_epohc_start, on_eval_epoch_start) X(on_eval_peoch_start, on_eval_epoch_start) \
  X(on_eval_poch_start, on_eval_epoch_start) X(on_eval_start, on_eval_epoch_start) \
  X(on_evale_poch_start, on_eval_epoch_start) X(on_evalepoch_start, on_eval_epoch_start) \
  X(on_evaluate_epoch_begin, on_eval_epoch_start) X(on_evaluate_epoch_start, on_eval_epoch_start) \
  X(on_evaluation_epoch_begin, on_eval_epoch_start) X(on_evaluation_epoch_start, on_eval_epoch_start) \
  X(on_evl_epoch_start, on_eval_epoch_start) X(on_evla_epoch_start, on_eval_epoch_start) \
  X(on_test_epoch_begin, on_eval_epoch_start) X(on_test_epoch_start, on_eval_epoch_start) \
  X(on_testing_epoch_begin, on_eval_epoch_start) X(on_testing_epoch_start, on_eval_epoch_start) \
  X(on_val_epoch_begin, on_eval_epoch_start) X(on_val_epoch_start, on_eval_epoch_start) \
  X(on_validate_epoch_begin, on_eval_epoch_start) X(on_validate_epoch_start, on_eval_epoch_start) \
  X(on_validation_epoch_begin, on_eval_epoch_start) X(on_validation_epoch_start, on_eval_epoch_start) \
  X(on_validation_start, on_eval_epoch_start) X(on_veal_epoch_start, on_eval_epoch_start) \
  X(one_val_epoch_start, on_eval_epoch_start) X(onEvalStepEnd, on_eval_step_end) X(on_eal_step_end, on_eval_step_end) \
  X(on_eavl_step_end, on_eval_step_end) X(on_eva_lstep_end, on_eval_step_end) X(on_eva_step_end, on_eval_step_end) \
  X(on_eval_batch_end, on_eval_step_end) X(on_eval_batch_finish, on_eval_step_end) \
  X(on_eval_iteration_end, on_eval_step_end) X(on_eval_iteration_finish, on_eval_step_end) \
  X(on_eval_sep_end, on_eval_step_end) X(on_eval_setp_end, on_eval_step_end) X(on_eval_ste_end, on_eval_step_end) \
  X(on_eval_ste_pend, on_eval_step_end) X(on_eval_step_ed, on_eval_step_end) X(on_eval_step_edn, on_eval_step_end) \
  X(on_eval_step_en, on_eval_step_end) X(on_eval_step_finish, on_eval_step_end) X(on_eval_step_nd, on_eval_step_end) \
  X(on_eval_step_ned, on_eval_step_end) X(on_eval_stepe_nd, on_eval_step_end) X(on_eval_stepend, on_eval_step_end) \
  X(on_eval_stp_end, on_eval_step_end) X(on_eval_stpe_end, on_eval_step_end) X(on_eval_tep_end, on_eval_step_end) \
  X(on_eval_tsep_end, on_eval_step_end) X(on_evals_tep_end, on_eval_step_end) X(on_evalstep_end, on_eval_step_end) \
  X(on_evaluate_batch_end, on_eval_step_end) X(on_evaluate_batch_finish, on_eval_step_end) \
  X(on_evaluate_iteration_end, on_eval_step_end) X(on_evaluate_iteration_finish, on_eval_step_end) \
  X(on_evaluate_step_end, on_eval_step_end) X(on_evaluate_step_finish, on_eval_step_end) \
  X(on_evaluation_batch_end, on_eval_step_end) X(on_evaluation_batch_finish, on_eval_step_end) \
  X(on_evaluation_iteration_end, on_eval_step_end) X(on_evaluation_iteration_finish, on_eval_step_end) \
  X(on_evaluation_step_end, on_eval_step_end) X(on_evaluation_step_finish, on_eval_step_end) \
  X(on_evl_step_end, on_eval_step_end) X(on_evla_step_end, on_eval_step_end) X(on_prediction_step, on_eval_step_end) \
  X(on_test_batch_end, on_eval_step_end) X(on_test_batch_finish, on_eval_step_end) \
  X(on_test_iteration_end, on_eval_step_end) X(on_test_iteration_finish, on_eval_step_end) \
  X(on_test_step_end, on_eval_step_end) X(on_test_step_finish, on_eval_step_end) \
  X(on_testing_batch_end, on_eval_step_end) X(on_testing_batch_finish, on_eval_step_end) \
  X(on_testing_iteration_end, on_eval_step_end) X(on_testing_iteration_finish, on_eval_step_end) \
  X(on_testing_step_end, on_eval_step_end) X(on_testing_step_finish, on_eval_step_end) \
  X(on_val_batch_end, on_eval_step_end) X(on_val_batch_finish, on_eval_step_end) \
  X(on_val_iteration_end, on_eval_step_end) X(on_val_iteration_finish, on_eval_step_end) \
  X(on_val_step_end, on_eval_step_end) X(on_val_step_finish, on_eval_step_end) \
  X(on_validate_batch_end, on_eval_step_end) X(on_validate_batch_finish, on_eval_step_end) \
  X(on_validate_iteration_end, on_eval_step_end) X(on_validate_iteration_finish, on_eval_step_end) \
  X(on_validate_step_end, on_eval_step_end) X(on_validate_step_finish, on_eval_step_end) \
  X(on_validation_batch_end, on_eval_step_end) X(on_validation_batch_finish, on_eval_step_end) \
  X(on_validation_iteration_end, on_eval_step_end) X(on_validation_iteration_finish, on_eval_step_end) \
  X(on_validation_step_end, on_eval_step_end) X(on_validation_step_finish, on_eval_step_end) \
  X(on_veal_step_end, on_eval_step_end) X(one_val_step_end, on_eval_step_end) X(onEvalStepStart, on_eval_step_start) \
  X(on_eal_step_start, on_eval_step_start) X(on_eavl_step_start, on_eval_step_start) \
  X(on_eva_lstep_start, on_eval_step_start) X(on_eva_step_start, on_eval_step_start) \
  X(on_eval_batch_begin, on_eval_step_start) X(on_eval_batch_start, on_eval_step_start) \
  X(on_eval_get_next_batch_end, on_eval_step_start) X(on_eval_iteration_begin, on_eval_step_start) \
  X(on_eval_iteration_start, on_eval_step_start) X(on_eval_sep_start, on_eval_step_start) \
  X(on_eval_setp_start, on_eval_step_start) X(on_eval_ste_pstart, on_eval_step_start) \
  X(on_eval_ste_start, on_eval_step_start) X(on_eval_step_begin, on_eval_step_start) \
  X(on_eval_step_sart, on_eval_step_start) X(on_eval_step_satrt, on_eval_step_start) \
  X(on_eval_step_star, on_eval_step_start) X(on_eval_step_stat, on_eval_step_start) \
  X(on_eval_step_statr, on_eval_step_start) X(on_eval_step_strat, on_eval_step_start) \
  X(on_eval_step_strt, on_eval_step_start) X(on_eval_step_tart, on_eval_step_start) \
  X(on_eval_step_tsart, on_eval_step_start) X(on_eval_steps_tart, on_eval_step_start) \
  X(on_eval_stepstart, on_eval_step_start) X(on_eval_stp_start, on_eval_step_start) \
  X(on_eval_stpe_start, on_eval_step_start) X(on_eval_tep_start, on_eval_step_start) \
  X(on_eval_tsep_start, on_eval_step_start) X(on_evals_tep_start, on_eval_step_start) \
  X(on_evalstep_start, on_eval_step_start) X(on_evaluate_batch_begin, on_eval_step_start) \
  X(on_evaluate_batch_start, on_eval_step_start) X(on_evaluate_iteration_begin, on_eval_step_start) \
  X(on_evaluate_iteration_start, on_eval_step_start) X(on_evaluate_step_begin, on_eval_step_start) \
  X(on_evaluate_step_start, on_eval_step_start) X(on_evaluation_batch_begin, on_eval_step_start) \
  X(on_evaluation_batch_start, on_eval_step_start) X(on_evaluation_iteration_begin, on_eval_step_start) \
  X(on_evaluation_iteration_start, on_eval_step_start) X(on_evaluation_step_begin, on_eval_step_start) \
  X(on_evaluation_step_start, on_eval_step_start) X(on_evl_step_start, on_eval_step_start) \
  X(on_evla_step_start, on_eval_step_start) X(on_test_batch_begin, on_eval_step_start) \
  X(on_test_batch_start, on_eval_step_start) X(on_test_iteration_begin, on_eval_step_start) \
  X(on_test_iteration_start, on_eval_step_start) X(on_test_step_begin, on_eval_step_start) \
  X(on_test_step_start, on_eval_step_start) X(on_testing_batch_begin, on_eval_step_start) \
  X(on_testing_batch_start, on_eval_step_start) X(on_testing_iteration_begin, on_eval_step_start) \
  X(on_testing_iteration_start, on_eval_step_start) X(on_testing_step_begin, on_eval_step_start) \
  X(on_testing_step_start, on_eval_step_start) X(on_val_batch_begin, on_eval_step_start) \
  X(on_val_batch_start, on_eval_step_start) X(on_val_iteration_begin, on_eval_step_start) \
  X(on_val_iteration_start, on_eval_step_start) X(on_val_step_begin, on_eval_step_start) \
  X(on_val_step_start, on_eval_step_start) X(on_validate_batch_begin, on_eval_step_start) \
  X(on_validate_batch_start, on_eval_step_start) X(on_validate_iteration_begin, on_eval_step_start) \
  X(on_validate_iteration_start, on_eval_step_start) X(on_validate_step_begin, on_eval_step_start) \
  X(on_validate_step_start, on_eval_step_start) X(on_validation_batch_begin, on_eval_step_start) \
  X(on_validation_batch_start, on_eval_step_start) X(on_validation_iteration_begin, on_eval_step_start) \
  X(on_validation_iteration_start, on_eval_step_start) X(on_validation_step_begin, on_eval_step_start) \
  X(on_validation_step_start, on_eval_step_start) X(on_veal_step_start, on_eval_step_start) \
  X(one_val_step_start, on_eval_step_start) X(onEvaluationRunEnd, on_evaluation_run_end) \
  X(on_ealuation_run_end, on_evaluation_run_end) X(on_eavluation_run_end, on_evaluation_run_end) \
  X(on_eval_finish, on_evaluation_run_end) X(on_eval_run_end, on_evaluation_run_end) \
  X(on_eval_run_finish, on_evaluation_run_end) X(on_evalation_run_end, on_evaluation_run_end) \
  X(on_evalaution_run_end, on_evaluation_run_end) X(on_evaluaion_run_end, on_evaluation_run_end) \
  X(on_evaluaiton_run_end, on_evaluation_run_end) X(on_evaluate_finish, on_evaluation_run_end) \
  X(on_evaluate_run_end, on_evaluation_run_end) X(on_evaluate_run_finish, on_evaluation_run_end) \
  X(on_evaluatin_run_end, on_evaluation_run_end) X(on_evaluatino_run_end, on_evaluation_run_end) \
  X(on_evaluatio_nrun_end, on_evaluation_run_end) X(on_evaluatio_run_end, on_evaluation_run_end) \
  X(on_evaluation_end, on_evaluation_run_end) X(on_evaluation_finish, on_evaluation_run_end) \
  X(on_evaluation_rn_end, on_evaluation_run_end) X(on_evaluation_rnu_end, on_evaluation_run_end) \
  X(on_evaluation_ru_end, on_evaluation_run_end) X(on_evaluation_ru_nend, on_evaluation_run_end) \
  X(on_evaluation_run_ed, on_evaluation_run_end) X(on_evaluation_run_edn, on_evaluation_run_end) \
  X(on_evaluation_run_en, on_evaluation_run_end) X(on_evaluation_run_finish, on_evaluation_run_end) \
  X(on_evaluation_run_nd, on_evaluation_run_end) X(on_evaluation_run_ned, on_evaluation_run_end) \
  X(on_evaluation_rune_nd, on_evaluation_run_end) X(on_evaluation_runend, on_evaluation_run_end) \
  X(on_evaluation_un_end, on_evaluation_run_end) X(on_evaluation_urn_end, on_evaluation_run_end) \
  X(on_evaluationr_un_end, on_evaluation_run_end) X(on_evaluationrun_end, on_evaluation_run_end) \
  X(on_evaluatoin_run_end, on_evaluation_run_end) X(on_evaluaton_run_end, on_evaluation_run_end) \
  X(on_evalutaion_run_end, on_evaluation_run_end) X(on_evalution_run_end, on_evaluation_run_end) \
  X(on_evauation_run_end, on_evaluation_run_end) X(on_evaulation_run_end, on_evaluation_run_end) \
  X(on_evlauation_run_end, on_evaluation_run_end) X(on_evluation_run_end, on_evaluation_run_end) \
  X(on_test_end, on_evaluation_run_end) X(on_test_finish, on_evaluation_run_end) \
  X(on_test_run_end, on_evaluation_run_end) X(on_test_run_finish, on_evaluation_run_end) \
  X(on_testing_end, on_evaluation_run_end) X(on_testing_finish, on_evaluation_run_end) \
  X(on_testing_run_end, on_evaluation_run_end) X(on_testing_run_finish, on_evaluation_run_end) \
  X(on_val_end, on_evaluation_run_end) X(on_val_finish, on_evaluation_run_end) \
  X(on_val_run_end, on_evaluation_run_end) X(on_val_run_finish, on_evaluation_run_end) \
  X(on_validate_end, on_evaluation_run_end) X(on_validate_finish, on_evaluation_run_end) \
  X(on_validate_run_end, on_evaluation_run_end) X(on_validate_run_finish, on_evaluation_run_end) \
  X(on_validation_finish, on_evaluation_run_end) X(on_validation_run_end, on_evaluation_run_end) \
  X(on_validation_run_finish, on_evaluation_run_end) X(on_valuation_run_end, on_evaluation_run_end) \
  X(on_vealuation_run_end, on_evaluation_run_end) X(one_valuation_run_end, on_evaluation_run_end) \
  X(onEvaluationRunStart, on_evaluation_run_start) X(on_ealuation_run_start, on_evaluation_run_start) \
  X(on_eavluation_run_start, on_evaluation_run_start) X(on_eval_begin, on_evaluation_run_start) \
  X(on_eval_run_begin, on_evaluation_run_start) X(on_eval_run_start, on_evaluation_run_start) \
  X(on_evalation_run_start, on_evaluation_run_start) X(on_evalaution_run_start, on_evaluation_run_start) \
  X(on_evaluaion_run_start, on_evaluation_run_start) X(on_evaluaiton_run_start, on_evaluation_run_start) \
  X(on_evaluate_begin, on_evaluation_run_start) X(on_evaluate_run_begin, on_evaluation_run_start) \
  X(on_evaluate_run_start, on_evaluation_run_start) X(on_evaluate_start, on_evaluation_run_start) \
  X(on_evaluatin_run_start, on_evaluation_run_start) X(on_evaluatino_run_start, on_evaluation_run_start) \
  X(on_evaluatio_nrun_start, on_evaluation_run_start) X(on_evaluatio_run_start, on_evaluation_run_start) \
  X(on_evaluation_begin, on_evaluation_run_start) X(on_evaluation_rn_start, on_evaluation_run_start) \
  X(on_evaluation_rnu_start, on_evaluation_run_start) X(on_evaluation_ru_nstart, on_evaluation_run_start) \
  X(on_evaluation_ru_start, on_evaluation_run_start) X(on_evaluation_run_begin, on_evaluation_run_start) \
  X(on_evaluation_run_sart, on_evaluation_run_start) X(on_evaluation_run_satrt, on_evaluation_run_start) \
  X(on_evaluation_run_star, on_evaluation_run_start) X(on_evaluation_run_stat, on_evaluation_run_start) \
  X(on_evaluation_run_statr, on_evaluation_run_start) X(on_evaluation_run_strat, on_evaluation_run_start) \
  X(on_evaluation_run_strt, on_evaluation_run_start) X(on_evaluation_run_tart, on_evaluation_run_start) \
  X(on_evaluation_run_tsart, on_evaluation_run_start) X(on_evaluation_runs_tart, on_evaluation_run_start) \
  X(on_evaluation_runstart, on_evaluation_run_start) X(on_evaluation_start, on_evaluation_run_start) \
  X(on_evaluation_un_start, on_evaluation_run_start) X(on_evaluation_urn_start, on_evaluation_run_start) \
  X(on_evaluationr_un_start, on_evaluation_run_start) X(on_evaluationrun_start, on_evaluation_run_start) \
  X(on_evaluatoin_run_start, on_evaluation_run_start) X(on_evaluaton_run_start, on_evaluation_run_start) \
  X(on_evalutaion_run_start, on_evaluation_run_start) X(on_evalution_run_start, on_evaluation_run_start) \
  X(on_evauation_run_start, on_evaluation_run_start) X(on_evaulation_run_start, on_evaluation_run_start) \
  X(on_evlauation_run_start, on_evaluation_run_start) X(on_evluation_run_start, on_evaluation_run_start) \
  X(on_test_begin, on_evaluation_run_start) X(on_test_run_begin, on_evaluation_run_start) \
  X(on_test_run_start, on_evaluation_run_start) X(on_test_start, on_evaluation_run_start) \
  X(on_testing_begin, on_evaluation_run_start) X(on_testing_run_begin, on_evaluation_run_start) \
  X(on_testing_run_start, on_evaluation_run_start) X(on_testing_start, on_evaluation_run_start) \
  X(on_val_begin, on_evaluation_run_start) X(on_val_run_begin, on_evaluation_run_start) \
  X(on_val_run_start, on_evaluation_run_start) X(on_val_start, on_evaluation_run_start) \
  X(on_validate_begin, on_evaluation_run_start) X(on_validate_run_begin, on_evaluation_run_start) \
  X(on_validate_run_start, on_evaluation_run_start) X(on_validate_start, on_evaluation_run_start) \
  X(on_validation_begin, on_evaluation_run_start) X(on_validation_run_begin, on_evaluation_run_start) \
  X(on_validation_run_start, on_evaluation_run_start) X(on_valuation_run_start, on_evaluation_run_start) \
  X(on_vealuation_run_start, on_evaluation_run_start) X(one_valuation_run_start, on_evaluation_run_start) \
  X(onException, on_exception) X(on_eception, on_exception) X(on_ecxeption, on_exception) \
  X(on_excepion, on_exception) X(on_excepiton, on_exception) X(on_exceptin, on_exception) \
  X(on_exceptino, on_exception) X(on_exceptio, on_exception) X(on_exceptoin, on_exception) \
  X(on_excepton, on_exception) X(on_excetion, on_exception) X(on_excetpion, on_exception) \
  X(on_excpetion, on_exception) X(on_excption, on_exception) X(on_execption, on_exception) \
  X(on_exeption, on_exception) X(on_xception, on_exception) X(on_xeception, on_exception) \
  X(one_xception, on_exception) X(onInitEnd, on_init_end) X(on_before_accelerator_backend_setup, on_init_end) \
  X(on_iint_end, on_init_end) X(on_iit_end, on_init_end) X(on_ini_end, on_init_end) X(on_ini_tend, on_init_end) \
  X(on_init_ed, on_init_end) X(on_init_edn, on_init_end) X(on_init_en, on_init_end) X(on_init_finish, on_init_end) \
  X(on_init_nd, on_init_end) X(on_init_ned, on_init_end) X(on_init_start, on_init_end) X(on_inite_nd, on_init_end) \
  X(on_initend, on_init_end) X(on_int_end, on_init_end) X(on_inti_end, on_init_end) X(on_niit_end, on_init_end) \
  X(on_nit_end, on_init_end) X(oni_nit_end, on_init_end) X(onLoadCheckpoint, on_load_checkpoint) \
  X(on_checkpoint_load, on_load_checkpoint) X(on_hpc_load, on_load_checkpoint) \
  X(on_lad_checkpoint, on_load_checkpoint) X(on_laod_checkpoint, on_load_checkpoint) \
  X(on_loa_checkpoint, on_load_checkpoint) X(on_loa_dcheckpoint, on_load_checkpoint) X(on_load, on_load_checkpoint) \
  X(on_load_ceckpoint, on_load_checkpoint) X(on_load_cehckpoint, on_load_checkpoint) \
  X(on_load_chcekpoint, on_load_checkpoint) X(on_load_chckpoint, on_load_checkpoint) \
  X(on_load_checkoint, on_load_checkpoint) X(on_load_checkopint, on_load_checkpoint) \
  X(on_load_checkpint, on_load_checkpoint) X(on_load_checkpiont, on_load_checkpoint) \
  X(on_load_checkpoin, on_load_checkpoint) X(on_load_checkpoit, on_load_checkpoint) \
  X(on_load_checkpoitn, on_load_checkpoint) X(on_load_checkponit, on_load_checkpoint) \
  X(on_load_checkpont, on_load_checkpoint) X(on_load_checpkoint, on_load_checkpoint) \
  X(on_load_checpoint, on_load_checkpoint) X(on_load_chekcpoint, on_load_checkpoint) \
  X(on_load_chekpoint, on_load_checkpoint) X(on_load_hceckpoint, on_load_checkpoint) \
  X(on_load_heckpoint, on_load_checkpoint) X(on_loadc_heckpoint, on_load_checkpoint) \
  X(on_loadcheckpoint, on_load_checkpoint) X(on_lod_checkpoint, on_load_checkpoint) \
  X(on_loda_checkpoint, on_load_checkpoint) X(on_oad_checkpoint, on_load_checkpoint) \
  X(on_olad_checkpoint, on_load_checkpoint) X(onl_oad_checkpoint, on_load_checkpoint) \
  X(onOptimizerStep, on_optimizer_step) X(on_after_optimizer_step, on_optimizer_step) \
  X(on_after_step, on_optimizer_step) X(on_after_zero_grad, on_optimizer_step) X(on_opimizer_step, on_optimizer_step) \
  X(on_opitmizer_step, on_optimizer_step) X(on_optiimzer_step, on_optimizer_step) \
  X(on_optiizer_step, on_optimizer_step) X(on_optim_batch, on_optimizer_step) \
  X(on_optim_iteration, on_optimizer_step) X(on_optim_step, on_optimizer_step) X(on_optimier_step, on_optimizer_step) \
  X(on_optimiezr_step, on_optimizer_step) X(on_optimiser_batch, on_optimizer_step) \
  X(on_optimiser_iteration, on_optimizer_step) X(on_optimiser_step, on_optimizer_step) \
  X(on_optimize_rstep, on_optimizer_step) X(on_optimize_step, on_optimizer_step) \
  X(on_optimizer_batch, on_optimizer_step) X(on_optimizer_iteration, on_optimizer_step) \
  X(on_optimizer_sep, on_optimizer_step) X(on_optimizer_setp, on_optimizer_step) \
  X(on_optimizer_ste, on_optimizer_step) X(on_optimizer_step_end, on_optimizer_step) \
  X(on_optimizer_stp, on_optimizer_step) X(on_optimizer_stpe, on_optimizer_step) \
  X(on_optimizer_tep, on_optimizer_step) X(on_optimizer_tsep, on_optimizer_step) \
  X(on_optimizers_tep, on_optimizer_step) X(on_optimizerstep, on_optimizer_step) \
  X(on_optimizr_step, on_optimizer_step) X(on_optimizre_step, on_optimizer_step) \
  X(on_optimzer_step, on_optimizer_step) X(on_optimzier_step, on_optimizer_step) \
  X(on_optmiizer_step, on_optimizer_step) X(on_optmizer_step, on_optimizer_step) \
  X(on_otimizer_step, on_optimizer_step) X(on_otpimizer_step, on_optimizer_step) \
  X(on_potimizer_step, on_optimizer_step) X(on_ptimizer_step, on_optimizer_step) \
  X(ono_ptimizer_step, on_optimizer_step) X(onPredictRunEnd, on_predict_run_end) \
  X(on_inference_end, on_predict_run_end) X(on_inference_finish, on_predict_run_end) \
  X(on_inference_run_end, on_predict_run_end) X(on_inference_run_finish, on_predict_run_end) \
  X(on_pedict_run_end, on_predict_run_end) X(on_perdict_run_end, on_predict_run_end) \
  X(on_prdeict_run_end, on_predict_run_end) X(on_prdict_run_end, on_predict_run_end) \
  X(on_predcit_run_end, on_predict_run_end) X(on_predct_run_end, on_predict_run_end) \
  X(on_predic_run_end, on_predict_run_end) X(on_predic_trun_end, on_predict_run_end) \
  X(on_predict, on_predict_run_end) X(on_predict_end, on_predict_run_end) X(on_predict_epoch_end, on_predict_run_end) \
  X(on_predict_finish, on_predict_run_end) X(on_predict_rn_end, on_predict_run_end) \
  X(on_predict_rnu_end, on_predict_run_end) X(on_predict_ru_end, on_predict_run_end) \
  X(on_predict_ru_nend, on_predict_run_end) X(on_predict_run_ed, on_predict_run_end) \
  X(on_predict_run_edn, on_predict_run_end) X(on_predict_run_en, on_predict_run_end) \
  X(on_predict_run_finish, on_predict_run_end) X(on_predict_run_nd, on_predict_run_end) \
  X(on_predict_run_ned, on_predict_run_end) X(on_predict_rune_nd, on_predict_run_end) \
  X(on_predict_runend, on_predict_run_end) X(on_predict_un_end, on_predict_run_end) \
  X(on_predict_urn_end, on_predict_run_end) X(on_prediction_end, on_predict_run_end) \
  X(on_prediction_finish, on_predict_run_end) X(on_prediction_run_end, on_predict_run_end) \
  X(on_prediction_run_finish, on_predict_run_end) X(on_predictr_un_end, on_predict_run_end) \
  X(on_predictrun_end, on_predict_run_end) X(on_predit_run_end, on_predict_run_end) \
  X(on_preditc_run_end, on_predict_run_end) X(on_preict_run_end, on_predict_run_end) \
  X(on_preidct_run_end, on_predict_run_end) X(on_redict_run_end, on_predict_run_end) \
  X(on_rpedict_run_end, on_predict_run_end) X(onp_redict_run_end, on_predict_run_end) \
  X(onPredictRunStart, on_predict_run_start) X(on_inference_begin, on_predict_run_start) \
  X(on_inference_run_begin, on_predict_run_start) X(on_inference_run_start, on_predict_run_start) \
  X(on_inference_start, on_predict_run_start) X(on_pedict_run_start, on_predict_run_start) \
  X(on_perdict_run_start, on_predict_run_start) X(on_prdeict_run_start, on_predict_run_start) \
  X(on_prdict_run_start, on_predict_run_start) X(on_predcit_run_start, on_predict_run_start) \
  X(on_predct_run_start, on_predict_run_start) X(on_predic_run_start, on_predict_run_start) \
  X(on_predic_trun_start, on_predict_run_start) X(on_predict_begin, on_predict_run_start) \
  X(on_predict_dataloader_iter_creation_end, on_predict_run_start) \
  X(on_predict_dataloader_iter_creation_start, on_predict_run_start) X(on_predict_epoch_start, on_predict_run_start) \
  X(on_predict_rn_start, on_predict_run_start) X(on_predict_rnu_start, on_predict_run_start) \
  X(on_predict_ru_nstart, on_predict_run_start) X(on_predict_ru_start, on_predict_run_start) \
  X(on_predict_run_begin, on_predict_run_start) X(on_predict_run_sart, on_predict_run_start) \
  X(on_predict_run_satrt, on_predict_run_start) X(on_predict_run_star, on_predict_run_start) \
  X(on_predict_run_stat, on_predict_run_start) X(on_predict_run_statr, on_predict_run_start) \
  X(on_predict_run_strat, on_predict_run_start) X(on_predict_run_strt, on_predict_run_start) \
  X(on_predict_run_tart, on_predict_run_start) X(on_predict_run_tsart, on_predict_run_start) \
  X(on_predict_runs_tart, on_predict_run_start) X(on_predict_runstart, on_predict_run_start) \
  X(on_predict_start, on_predict_run_start) X(on_predict_un_start, on_predict_run_start) \
  X(on_predict_urn_start, on_predict_run_start) X(on_prediction_begin, on_predict_run_start) \
  X(on_prediction_run_begin, on_predict_run_start) X(on_prediction_run_start, on_predict_run_start) \
  X(on_prediction_start, on_predict_run_start) X(on_predictr_un_start, on_predict_run_start) \
  X(on_predictrun_start, on_predict_run_start) X(on_predit_run_start, on_predict_run_start) \
  X(on_preditc_run_start, on_predict_run_start) X(on_preict_run_start, on_predict_run_start) \
  X(on_preidct_run_start, on_predict_run_start) X(on_redict_run_start, on_predict_run_start) \
  X(on_rpedict_run_start, on_predict_run_start) X(onp_redict_run_start, on_predict_run_start) \
  X(onPredictStepEnd, on_predict_step_end) X(on_inference_batch_end, on_predict_step_end) \
  X(on_inference_batch_finish, on_predict_step_end) X(on_inference_iteration_end, on_predict_step_end) \
  X(on_inference_iteration_finish, on_predict_step_end) X(on_inference_step_end, on_predict_step_end) \
  X(on_inference_step_finish, on_predict_step_end) X(on_pedict_step_end, on_predict_step_end) \
  X(on_perdict_step_end, on_predict_step_end) X(on_prdeict_step_end, on_predict_step_end) \
  X(on_prdict_step_end, on_predict_step_end) X(on_predcit_step_end, on_predict_step_end) \
  X(on_predct_step_end, on_predict_step_end) X(on_predic_step_end, on_predict_step_end) \
  X(on_predic_tstep_end, on_predict_step_end) X(on_predict_batch_end, on_predict_step_end) \
  X(on_predict_batch_finish, on_predict_step_end) X(on_predict_iteration_end, on_predict_step_end) \
  X(on_predict_iteration_finish, on_predict_step_end) X(on_predict_sep_end, on_predict_step_end) \
  X(on_predict_setp_end, on_predict_step_end) X(on_predict_ste_end, on_predict_step_end) \
  X(on_predict_ste_pend, on_predict_step_end) X(on_predict_step_ed, on_predict_step_end) \
  X(on_predict_step_edn, on_predict_step_end) X(on_predict_step_en, on_predict_step_end) \
  X(on_predict_step_finish, on_predict_step_end) X(on_predict_step_nd, on_predict_step_end) \
  X(on_predict_step_ned, on_predict_step_end) X(on_predict_stepe_nd, on_predict_step_end) \
  X(on_predict_stepend, on_predict_step_end) X(on_predict_stp_end, on_predict_step_end) \
  X(on_predict_stpe_end, on_predict_step_end) X(on_predict_tep_end, on_predict_step_end) \
  X(on_predict_tsep_end, on_predict_step_end) X(on_prediction_batch_end, on_predict_step_end) \
  X(on_prediction_batch_finish, on_predict_step_end) X(on_prediction_iteration_end, on_predict_step_end) \
  X(on_prediction_iteration_finish, on_predict_step_end) X(on_prediction_step_end, on_predict_step_end) \
  X(on_prediction_step_finish, on_predict_step_end) X(on_predicts_tep_end, on_predict_step_end) \
  X(on_predictstep_end, on_predict_step_end) X(on_predit_step_end, on_predict_step_end) \
  X(on_preditc_step_end, on_predict_step_end) X(on_preict_step_end, on_predict_step_end) \
  X(on_preidct_step_end, on_predict_step_end) X(on_redict_step_end, on_predict_step_end) \
  X(on_rpedict_step_end, on_predict_step_end) X(onp_redict_step_end, on_predict_step_end) \
  X(onPredictStepStart, on_predict_step_start) X(on_inference_batch_begin, on_predict_step_start) \
  X(on_inference_batch_start, on_predict_step_start) X(on_inference_iteration_begin, on_predict_step_start) \
  X(on_inference_iteration_start, on_predict_step_start) X(on_inference_step_begin, on_predict_step_start) \
  X(on_inference_step_start, on_predict_step_start) X(on_pedict_step_start, on_predict_step_start) \
  X(on_perdict_step_start, on_predict_step_start) X(on_prdeict_step_start, on_predict_step_start) \
  X(on_prdict_step_start, on_predict_step_start) X(on_predcit_step_start, on_predict_step_start) \
  X(on_predct_step_start, on_predict_step_start) X(on_predic_step_start, on_predict_step_start) \
  X(on_predic_tstep_start, on_predict_step_start) X(on_predict_batch_begin, on_predict_step_start) \
  X(on_predict_batch_start, on_predict_step_start) X(on_predict_get_next_batch_end, on_predict_step_start) \
  X(on_predict_iteration_begin, on_predict_step_start) X(on_predict_iteration_start, on_predict_step_start) \
  X(on_predict_sep_start, on_predict_step_start) X(on_predict_setp_start, on_predict_step_start) \
  X(on_predict_ste_pstart, on_predict_step_start) X(on_predict_ste_start, on_predict_step_start) \
  X(on_predict_step_begin, on_predict_step_start) X(on_predict_step_sart, on_predict_step_start) \
  X(on_predict_step_satrt, on_predict_step_start) X(on_predict_step_star, on_predict_step_start) \
  X(on_predict_step_stat, on_predict_step_start) X(on_predict_step_statr, on_predict_step_start) \
  X(on_predict_step_strat, on_predict_step_start) X(on_predict_step_strt, on_predict_step_start) \
  X(on_predict_step_tart, on_predict_step_start) X(on_predict_step_tsart, on_predict_step_start) \
  X(on_predict_steps_tart, on_predict_step_start) X(on_predict_stepstart, on_predict_step_start) \
  X(on_predict_stp_start, on_predict_step_start) X(on_predict_stpe_start, on_predict_step_start) \
  X(on_predict_tep_start, on_predict_step_start) X(on_predict_tsep_start, on_predict_step_start) \
  X(on_prediction_batch_begin, on_predict_step_start) X(on_prediction_batch_start, on_predict_step_start) \
  X(on_prediction_iteration_begin, on_predict_step_start) X(on_prediction_iteration_start, on_predict_step_start) \
  X(on_prediction_step_begin, on_predict_step_start) X(on_prediction_step_start, on_predict_step_start) \
  X(on_predicts_tep_start, on_predict_step_start) X(on_predictstep_start, on_predict_step_start) \
  X(on_predit_step_start, on_predict_step_start) X(on_preditc_step_start, on_predict_step_start) \
  X(on_preict_step_start, on_predict_step_start) X(on_preidct_step_start, on_predict_step_start) \
  X(on_redict_step_start, on_predict_step_start) X(on_rpedict_step_start, on_predict_step_start) \
  X(onp_redict_step_start, on_predict_step_start) X(onResumePoint, on_resume_point) \
  X(on_ersume_point, on_resume_point) X(on_esume_point, on_resume_point) X(on_resme_point, on_resume_point) \
  X(on_resmue_point, on_resume_point) X(on_resue_point, on_resume_point) X(on_resuem_point, on_resume_point) \
  X(on_resum_epoint, on_resume_point) X(on_resum_point, on_resume_point) X(on_resume_oint, on_resume_point) \
  X(on_resume_opint, on_resume_point) X(on_resume_pint, on_resume_point) X(on_resume_piont, on_resume_point) \
  X(on_resume_poin, on_resume_point) X(on_resume_poit, on_resume_point) X(on_resume_poitn, on_resume_point) \
  X(on_resume_ponit, on_resume_point) X(on_resume_pont, on_resume_point) X(on_resumep_oint, on_resume_point) \
  X(on_resumepoint, on_resume_point) X(on_reume_point, on_resume_point) X(on_reusme_point, on_resume_point) \
  X(on_rseume_point, on_resume_point) X(on_rsume_point, on_resume_point) X(onr_esume_point, on_resume_point) \
  X(onSaveCheckpoint, on_save_checkpoint) X(on_asve_checkpoint, on_save_checkpoint) \
  X(on_ave_checkpoint, on_save_checkpoint) X(on_checkpoint_save, on_save_checkpoint) \
  X(on_hpc_save, on_save_checkpoint) X(on_sae_checkpoint, on_save_checkpoint) \
  X(on_saev_checkpoint, on_save_checkpoint) X(on_sav_checkpoint, on_save_checkpoint) \
  X(on_sav_echeckpoint, on_save_checkpoint) X(on_save, on_save_checkpoint) X(on_save_ceckpoint, on_save_checkpoint) \
  X(on_save_cehckpoint, on_save_checkpoint) X(on_save_chcekpoint, on_save_checkpoint) \
  X(on_save_chckpoint, on_save_checkpoint) X(on_save_checkoint, on_save_checkpoint) \
  X(on_save_checkopint, on_save_checkpoint) X(on_save_checkpint, on_save_checkpoint) \
  X(on_save_checkpiont, on_save_checkpoint) X(on_save_checkpoin, on_save_checkpoint) \
  X(on_save_checkpoit, on_save_checkpoint) X(on_save_checkpoitn, on_save_checkpoint) \
  X(on_save_checkponit, on_save_checkpoint) X(on_save_checkpont, on_save_checkpoint) \
  X(on_save_checpkoint, on_save_checkpoint) X(on_save_checpoint, on_save_checkpoint) \
  X(on_save_chekcpoint, on_save_checkpoint) X(on_save_chekpoint, on_save_checkpoint) \
  X(on_save_hceckpoint, on_save_checkpoint) X(on_save_heckpoint, on_save_checkpoint) \
  X(on_savec_heckpoint, on_save_checkpoint) X(on_savecheckpoint, on_save_checkpoint) \
  X(on_svae_checkpoint, on_save_checkpoint) X(on_sve_checkpoint, on_save_checkpoint) \
  X(ons_ave_checkpoint, on_save_checkpoint) X(onStopTraining, on_stop_training) X(on_sop_training, on_stop_training) \
  X(on_sotp_training, on_stop_training) X(on_sto_ptraining, on_stop_training) X(on_sto_training, on_stop_training) \
  X(on_stop_fit, on_stop_training) X(on_stop_raining, on_stop_training) X(on_stop_rtaining, on_stop_training) \
  X(on_stop_taining, on_stop_training) X(on_stop_tarining, on_stop_training) X(on_stop_traiing, on_stop_training) \
  X(on_stop_traiinng, on_stop_training) X(on_stop_train, on_stop_training) X(on_stop_trainig, on_stop_training) \
  X(on_stop_trainign, on_stop_training) X(on_stop_trainin, on_stop_training) \
  X(on_stop_training_error, on_stop_training) X(on_stop_trainng, on_stop_training) \
  X(on_stop_trainnig, on_stop_training) X(on_stop_traniing, on_stop_training) X(on_stop_traning, on_stop_training) \
  X(on_stop_trianing, on_stop_training) X(on_stop_trining, on_stop_training) X(on_stopt_raining, on_stop_training) \
  X(on_stoptraining, on_stop_training) X(on_stp_training, on_stop_training) X(on_stpo_training, on_stop_training) \
  X(on_top_training, on_stop_training) X(on_train_stop, on_stop_training) X(on_training_stop, on_stop_training) \
  X(on_tsop_training, on_stop_training) X(ons_top_training, on_stop_training) X(onTrainEpochEnd, on_train_epoch_end) \
  X(on_fit_epoch_end, on_train_epoch_end) X(on_fit_epoch_finish, on_train_epoch_end) \
  X(on_rain_epoch_end, on_train_epoch_end) X(on_rtain_epoch_end, on_train_epoch_end) \
  X(on_tain_epoch_end, on_train_epoch_end) X(on_tarin_epoch_end, on_train_epoch_end) \
  X(on_trai_epoch_end, on_train_epoch_end) X(on_trai_nepoch_end, on_train_epoch_end) \
  X(on_train_eoch_end, on_train_epoch_end) X(on_train_eopch_end, on_train_epoch_end) \
  X(on_train_epch_end, on_train_epoch_end) X(on_train_epcoh_end, on_train_epoch_end) \
  X(on_train_epoc_end, on_train_epoch_end) X(on_train_epoc_hend, on_train_epoch_end) \
  X(on_train_epoch_ed, on_train_epoch_end) X(on_train_epoch_edn, on_train_epoch_end) \
  X(on_train_epoch_en, on_train_epoch_end) X(on_train_epoch_finish, on_train_epoch_end) \
  X(on_train_epoch_nd, on_train_epoch_end) X(on_train_epoch_ned, on_train_epoch_end) \
  X(on_train_epoche_nd, on_train_epoch_end) X(on_train_epochend, on_train_epoch_end) \
  X(on_train_epoh_end, on_train_epoch_end) X(on_train_epohc_end, on_train_epoch_end) \
  X(on_train_peoch_end, on_train_epoch_end) X(on_train_poch_end, on_train_epoch_end) \
  X(on_traine_poch_end, on_train_epoch_end) X(on_trainepoch_end, on_train_epoch_end) \
  X(on_training_epoch_end, on_train_epoch_end) X(on_training_epoch_finish, on_train_epoch_end) \
  X(on_tran_epoch_end, on_train_epoch_end) X(on_trani_epoch_end, on_train_epoch_end) \
  X(on_trian_epoch_end, on_train_epoch_end) X(on_trin_epoch_end, on_train_epoch_end) \
  X(ont_rain_epoch_end, on_train_epoch_end) X(onTrainEpochStart, on_train_epoch_start) \
  X(on_epoch_begin, on_train_epoch_start) X(on_epoch_start, on_train_epoch_start) \
  X(on_fit_epoch_begin, on_train_epoch_start) X(on_fit_epoch_start, on_train_epoch_start) \
  X(on_rain_epoch_start, on_train_epoch_start) X(on_rtain_epoch_start, on_train_epoch_start) \
  X(on_tain_epoch_start, on_train_epoch_start) X(on_tarin_epoch_start, on_train_epoch_start) \
  X(on_trai_epoch_start, on_train_epoch_start) X(on_trai_nepoch_start, on_train_epoch_start) \
  X(on_train_dataloader_iter_creation_end, on_train_epoch_start) \
  X(on_train_dataloader_iter_creation_start, on_train_epoch_start) X(on_train_eoch_start, on_train_epoch_start) \
  X(on_train_eopch_start, on_train_epoch_start) X(on_train_epch_start, on_train_epoch_start) \
  X(on_train_epcoh_start, on_train_epoch_start) X(on_train_epoc_hstart, on_train_epoch_start) \
  X(on_train_epoc_start, on_train_epoch_start) X(on_train_epoch_begin, on_train_epoch_start) \
  X(on_train_epoch_sart, on_train_epoch_start) X(on_train_epoch_satrt, on_train_epoch_start) \
  X(on_train_epoch_star, on_train_epoch_start) X(on_train_epoch_stat, on_train_epoch_start) \
  X(on_train_epoch_statr, on_train_epoch_start) X(on_train_epoch_strat, on_train_epoch_start) \
  X(on_train_epoch_strt, on_train_epoch_start) X(on_train_epoch_tart, on_train_epoch_start) \
  X(on_train_epoch_tsart, on_train_epoch_start) X(on_train_epochs_tart, on_train_epoch_start) \
  X(on_train_epochstart, on_train_epoch_start) X(on_train_epoh_start, on_train_epoch_start) \
  X(on_train_epohc_start, on_train_epoch_start) X(on_train_peoch_start, on_train_epoch_start) \
  X(on_train_poch_start, on_train_epoch_start) X(on_traine_poch_start, on_train_epoch_start) \
  X(on_trainepoch_start, on_train_epoch_start) X(on_training_epoch_begin, on_train_epoch_start) \
  X(on_training_epoch_start, on_train_epoch_start) X(on_tran_epoch_start, on_train_epoch_start) \
  X(on_trani_epoch_start, on_train_epoch_start) X(on_trian_epoch_start, on_train_epoch_start) \
  X(on_trin_epoch_start, on_train_epoch_start) X(ont_rain_epoch_start, on_train_epoch_start) \
  X(onTrainLoss, on_train_loss) X(on_before_backward, on_train_loss) X(on_fit_loss, on_train_loss) \
  X(on_rain_loss, on_train_loss) X(on_rtain_loss, on_train_loss) X(on_tain_loss, on_train_loss) \
  X(on_tarin_loss, on_train_loss) X(on_trai_loss, on_train_loss) X(on_trai_nloss, on_train_loss) \
  X(on_train_los, on_train_loss) X(on_train_lsos, on_train_loss) X(on_train_lss, on_train_loss) \
  X(on_train_olss, on_train_loss) X(on_train_oss, on_train_loss) X(on_training_loss, on_train_loss) \
  X(on_trainl_oss, on_train_loss) X(on_trainloss, on_train_loss) X(on_tran_loss, on_train_loss) \
  X(on_trani_loss, on_train_loss) X(on_trian_loss, on_train_loss) X(on_trin_loss, on_train_loss) \
  X(ont_rain_loss, on_train_loss) X(onTrainStepEnd, on_train_step_end) X(on_batch_end, on_train_step_end) \
  X(on_fit_batch_end, on_train_step_end) X(on_fit_batch_finish, on_train_step_end) \
  X(on_fit_iteration_end, on_train_step_end) X(on_fit_iteration_finish, on_train_step_end) \
  X(on_fit_step_end, on_train_step_end) X(on_fit_step_finish, on_train_step_end) \
  X(on_rain_step_end, on_train_step_end) X(on_rtain_step_end, on_train_step_end) X(on_step_end, on_train_step_end) \
  X(on_substep_end, on_train_step_end) X(on_tain_step_end, on_train_step_end) X(on_tarin_step_end, on_train_step_end) \
  X(on_trai_nstep_end, on_train_step_end) X(on_trai_step_end, on_train_step_end) \
  X(on_train_batch_end, on_train_step_end) X(on_train_batch_finish, on_train_step_end) \
  X(on_train_iteration_end, on_train_step_end) X(on_train_iteration_finish, on_train_step_end) \
  X(on_train_sep_end, on_train_step_end) X(on_train_setp_end, on_train_step_end) \
  X(on_train_ste_end, on_train_step_end) X(on_train_ste_pend, on_train_step_end) \
  X(on_train_step_ed, on_train_step_end) X(on_train_step_edn, on_train_step_end) \
  X(on_train_step_en, on_train_step_end) X(on_train_step_finish, on_train_step_end) \
  X(on_train_step_nd, on_train_step_end) X(on_train_step_ned, on_train_step_end) \
  X(on_train_stepe_nd, on_train_step_end) X(on_train_stepend, on_train_step_end) \
  X(on_train_stp_end, on_train_step_end) X(on_train_stpe_end, on_train_step_end) \
  X(on_train_tep_end, on_train_step_end) X(on_train_tsep_end, on_train_step_end) \
  X(on_training_batch_end, on_train_step_end) X(on_training_batch_finish, on_train_step_end) \
  X(on_training_iteration_end, on_train_step_end) X(on_training_iteration_finish, on_train_step_end) \
  X(on_training_step_end, on_train_step_end) X(on_training_step_finish, on_train_step_end) \
  X(on_trains_tep_end, on_train_step_end) X(on_trainstep_end, on_train_step_end) \
  X(on_tran_step_end, on_train_step_end) X(on_trani_step_end, on_train_step_end) \
  X(on_trian_step_end, on_train_step_end) X(on_trin_step_end, on_train_step_end) \
  X(ont_rain_step_end, on_train_step_end) X(onTrainStepStart, on_train_step_start) \
  X(on_after_batch_transfer, on_train_step_start) X(on_batch_begin, on_train_step_start) \
  X(on_batch_start, on_train_step_start) X(on_fit_batch_begin, on_train_step_start) \
  X(on_fit_batch_start, on_train_step_start) X(on_fit_iteration_begin, on_train_step_start) \
  X(on_fit_iteration_start, on_train_step_start) X(on_fit_step_begin, on_train_step_start) \
  X(on_fit_step_start, on_train_step_start) X(on_rain_step_start, on_train_step_start) \
  X(on_rtain_step_start, on_train_step_start) X(on_step_begin, on_train_step_start) \
  X(on_step_start, on_train_step_start) X(on_tain_step_start, on_train_step_start) \
  X(on_tarin_step_start, on_train_step_start) X(on_trai_nstep_start, on_train_step_start) \
  X(on_trai_step_start, on_train_step_start) X(on_train_batch_begin, on_train_step_start) \
  X(on_train_batch_start, on_train_step_start) X(on_train_get_next_batch_end, on_train_step_start) \
  X(on_train_iteration_begin, on_train_step_start) X(on_train_iteration_start, on_train_step_start) \
  X(on_train_sep_start, on_train_step_start) X(on_train_setp_start, on_train_step_start) \
  X(on_train_ste_pstart, on_train_step_start) X(on_train_ste_start, on_train_step_start) \
  X(on_train_step_begin, on_train_step_start) X(on_train_step_sart, on_train_step_start) \
  X(on_train_step_satrt, on_train_step_start) X(on_train_step_star, on_train_step_start) \
  X(on_train_step_stat, on_train_step_start) X(on_train_step_statr, on_train_step_start) \
  X(on_train_step_strat, on_train_step_start) X(on_train_step_strt, on_train_step_start) \
  X(on_train_step_tart, on_train_step_start) X(on_train_step_tsart, on_train_step_start) \
  X(on_train_steps_tart, on_train_step_start) X(on_train_stepstart, on_train_step_start) \
  X(on_train_stp_start, on_train_step_start) X(on_train_stpe_start, on_train_step_start) \
  X(on_train_tep_start, on_train_step_start) X(on_train_tsep_start, on_train_step_start) \
  X(on_training_batch_begin, on_train_step_start) X(on_training_batch_start, on_train_step_start) \
  X(on_training_iteration_begin, on_train_step_start) X(on_training_iteration_start, on_train_step_start) \
  X(on_training_step_begin, on_train_step_start) X(on_training_step_start, on_train_step_start) \
  X(on_trains_tep_start, on_train_step_start) X(on_trainstep_start, on_train_step_start) \
  X(on_tran_step_start, on_train_step_start) X(on_trani_step_start, on_train_step_start) \
  X(on_trian_step_start, on_train_step_start) X(on_trin_step_start, on_train_step_start) \
  X(ont_rain_step_start, on_train_step_start) X(onTrainingRunEnd, on_training_run_end) \
  X(on_fit_end, on_training_run_end) X(on_fit_finish, on_training_run_end) X(on_fit_run_end, on_training_run_end) \
  X(on_fit_run_finish, on_training_run_end) X(on_raining_run_end, on_training_run_end) \
  X(on_rtaining_run_end, on_training_run_end) X(on_taining_run_end, on_training_run_end) \
  X(on_tarining_run_end, on_training_run_end) X(on_traiing_run_end, on_training_run_end) \
  X(on_traiinng_run_end, on_training_run_end) X(on_train_end, on_training_run_end) \
  X(on_train_finish, on_training_run_end) X(on_train_run_end, on_training_run_end) \
  X(on_train_run_finish, on_training_run_end) X(on_trainig_run_end, on_training_run_end) \
  X(on_trainign_run_end, on_training_run_end) X(on_trainin_grun_end, on_training_run_end) \
  X(on_trainin_run_end, on_training_run_end) X(on_training_end, on_training_run_end) \
  X(on_training_finish, on_training_run_end) X(on_training_rn_end, on_training_run_end) \
  X(on_training_rnu_end, on_training_run_end) X(on_training_ru_end, on_training_run_end) \
  X(on_training_ru_nend, on_training_run_end) X(on_training_run_ed, on_training_run_end) \
  X(on_training_run_edn, on_training_run_end) X(on_training_run_en, on_training_run_end) \
  X(on_training_run_finish, on_training_run_end) X(on_training_run_nd, on_training_run_end) \
  X(on_training_run_ned, on_training_run_end) X(on_training_rune_nd, on_training_run_end) \
  X(on_training_runend, on_training_run_end) X(on_training_un_end, on_training_run_end) \
  X(on_training_urn_end, on_training_run_end) X(on_trainingr_un_end, on_training_run_end) \
  X(on_trainingrun_end, on_training_run_end) X(on_trainng_run_end, on_training_run_end) \
  X(on_trainnig_run_end, on_training_run_end) X(on_traniing_run_end, on_training_run_end) \
  X(on_traning_run_end, on_training_run_end) X(on_trianing_run_end, on_training_run_end) \
  X(on_trining_run_end, on_training_run_end) X(ont_raining_run_end, on_training_run_end) \
  X(onTrainingRunEpochEnd, on_training_run_epoch_end) X(on_epoch_end, on_training_run_epoch_end) \
  X(on_fit_run_epoch_end, on_training_run_epoch_end) X(on_fit_run_epoch_finish, on_training_run_epoch_end) \
  X(on_raining_run_epoch_end, on_training_run_epoch_end) X(on_rtaining_run_epoch_end, on_training_run_epoch_end) \
  X(on_taining_run_epoch_end, on_training_run_epoch_end) X(on_tarining_run_epoch_end, on_training_run_epoch_end) \
  X(on_traiing_run_epoch_end, on_training_run_epoch_end) X(on_traiinng_run_epoch_end, on_training_run_epoch_end) \
  X(on_train_run_epoch_end, on_training_run_epoch_end) X(on_train_run_epoch_finish, on_training_run_epoch_end) \
  X(on_trainig_run_epoch_end, on_training_run_epoch_end) X(on_trainign_run_epoch_end, on_training_run_epoch_end) \
  X(on_trainin_grun_epoch_end, on_training_run_epoch_end) X(on_trainin_run_epoch_end, on_training_run_epoch_end) \
  X(on_training_rn_epoch_end, on_training_run_epoch_end) X(on_training_rnu_epoch_end, on_training_run_epoch_end) \
  X(on_training_ru_epoch_end, on_training_run_epoch_end) X(on_training_ru_nepoch_end, on_training_run_epoch_end) \
  X(on_training_run_eoch_end, on_training_run_epoch_end) X(on_training_run_eopch_end, on_training_run_epoch_end) \
  X(on_training_run_epch_end, on_training_run_epoch_end) X(on_training_run_epcoh_end, on_training_run_epoch_end) \
  X(on_training_run_epoc_end, on_training_run_epoch_end) X(on_training_run_epoc_hend, on_training_run_epoch_end) \
  X(on_training_run_epoch_ed, on_training_run_epoch_end) X(on_training_run_epoch_edn, on_training_run_epoch_end) \
  X(on_training_run_epoch_en, on_training_run_epoch_end) X(on_training_run_epoch_finish, on_training_run_epoch_end) \
  X(on_training_run_epoch_nd, on_training_run_epoch_end) X(on_training_run_epoch_ned, on_training_run_epoch_end) \
  X(on_training_run_epoche_nd, on_training_run_epoch_end) X(on_training_run_epochend, on_training_run_epoch_end) \
  X(on_training_run_epoh_end, on_training_run_epoch_end) X(on_training_run_epohc_end, on_training_run_epoch_end) \
  X(on_training_run_peoch_end, on_training_run_epoch_end) X(on_training_run_poch_end, on_training_run_epoch_end) \
  X(on_training_rune_poch_end, on_training_run_epoch_end) X(on_training_runepoch_end, on_training_run_epoch_end) \
  X(on_training_un_epoch_end, on_training_run_epoch_end) X(on_training_urn_epoch_end, on_training_run_epoch_end) \
  X(on_trainingr_un_epoch_end, on_training_run_epoch_end) X(on_trainingrun_epoch_end, on_training_run_epoch_end) \
  X(on_trainng_run_epoch_end, on_training_run_epoch_end) X(on_trainnig_run_epoch_end, on_training_run_epoch_end) \
  X(on_traniing_run_epoch_end, on_training_run_epoch_end) X(on_traning_run_epoch_end, on_training_run_epoch_end) \
  X(on_trianing_run_epoch_end, on_training_run_epoch_end) X(on_trining_run_epoch_end, on_training_run_epoch_end) \
  X(ont_raining_run_epoch_end, on_training_run_epoch_end) X(onTrainingRunStart, on_training_run_start) \
  X(on_fit_begin, on_training_run_start) X(on_fit_run_begin, on_training_run_start) \
  X(on_fit_run_start, on_training_run_start) X(on_fit_start, on_training_run_start) \
  X(on_pretrain_routine_end, on_training_run_start) X(on_pretrain_routine_start, on_training_run_start) \
  X(on_raining_run_start, on_training_run_start) X(on_rtaining_run_start, on_training_run_start) \
  X(on_taining_run_start, on_training_run_start) X(on_tarining_run_start, on_training_run_start) \
  X(on_traiing_run_start, on_training_run_start) X(on_traiinng_run_start, on_training_run_start) \
  X(on_train_begin, on_training_run_start) X(on_train_run_begin, on_training_run_start) \
  X(on_train_run_start, on_training_run_start) X(on_train_start, on_training_run_start) \
  X(on_trainig_run_start, on_training_run_start) X(on_trainign_run_start, on_training_run_start) \
  X(on_trainin_grun_start, on_training_run_start) X(on_trainin_run_start, on_training_run_start) \
  X(on_training_begin, on_training_run_start) X(on_training_rn_start, on_training_run_start) \
  X(on_training_rnu_start, on_training_run_start) X(on_training_ru_nstart, on_training_run_start) \
  X(on_training_ru_start, on_training_run_start) X(on_training_run_begin, on_training_run_start) \
  X(on_training_run_sart, on_training_run_start) X(on_training_run_satrt, on_training_run_start) \
  X(on_training_run_star, on_training_run_start) X(on_training_run_stat, on_training_run_start) \
  X(on_training_run_statr, on_training_run_start) X(on_training_run_strat, on_training_run_start) \
  X(on_training_run_strt, on_training_run_start) X(on_training_run_tart, on_training_run_start) \
  X(on_training_run_tsart, on_training_run_start) X(on_training_runs_tart, on_training_run_start) \
  X(on_training_runstart, on_training_run_start) X(on_training_start, on_training_run_start) \
  X(on_training_un_start, on_training_run_start) X(on_training_urn_start, on_training_run_start) \
  X(on_trainingr_un_start, on_training_run_start) X(on_trainingrun_start, on_training_run_start) \
  X(on_trainng_run_start, on_training_run_start) X(on_trainnig_run_start, on_training_run_start) \
  X(on_traniing_run_start, on_training_run_start) X(on_traning_run_start, on_training_run_start) \
  X(on_trianing_run_start, on_training_run_start) X(on_trining_run_start, on_training_run_start) \
  X(ont_raining_run_start, on_training_run_start)
/// X(name in another framework, what to do instead)
#define HONE_NO_HOOKS(X) \
  X(on_sanity_check_end, "A sanity evaluation has no events.") \
  X(on_sanity_check_start, "A sanity evaluation has no events.") \
  X(state_dict, "Add `void serialize(auto& archive)` to the callback, or add to a checkpoint in `on_save_checkpoint`.") \
  X(load_state_dict, "Add `void serialize(auto& archive)` to the callback, or read a checkpoint in `on_load_checkpoint`.") \
  X(on_configure_model, "Change the model before you construct the trainer.") \
  X(on_configure_sharded_model, "Change the model before you construct the trainer.") \
  X(on_eval_get_next_batch_start, "No hook is called before a batch is loaded. Use the data loader.") \
  X(on_predict_get_next_batch_start, "No hook is called before a batch is loaded. Use the data loader.") \
  X(on_train_get_next_batch_start, "No hook is called before a batch is loaded. Use the data loader.") \
  X(on_before_batch_transfer, "No hook is called before a batch is moved. Use the data loader.") \
  X(on_log, "Read `event.run.history()` in `on_training_run_epoch_end`.") \
  X(on_predict_model_train, "The trainer restores the modes itself.") \
  X(on_test_model_train, "The trainer restores the modes itself.") \
  X(on_validation_model_train, "The trainer restores the modes itself.") \
  X(teardown, "Use `on_training_run_end`, `on_evaluation_run_end` or `on_predict_run_end`, and after an error `on_exception`.") \
  X(setup, "Use `on_training_run_start`, `on_evaluation_run_start` or `on_predict_run_start`.") \
  X(on_interrupt, "Use the callback hone::StopOnSignal.") \
  X(on_keyboard_interrupt, "Use the callback hone::StopOnSignal.") \
  X(on_predict_dataloader, "Use the override `create_eval_dataloader`.") \
  X(on_test_dataloader, "Use the override `create_eval_dataloader`.") \
  X(on_val_dataloader, "Use the override `create_eval_dataloader`.") \
  X(on_train_dataloader, "Use the override `create_train_dataloader`.") \
  X(on_test_model_eval, "Use the override `eval_epoch_start`.") \
  X(on_validation_model_eval, "Use the override `eval_epoch_start`.") \
  X(on_lr_step, "Use the override `scheduler_step`.") \
  X(on_validation_model_zero_grad, "Use the override `zero_grad`.") \
  X(on_predict_model_eval, "`predict` sets evaluation mode itself.")
/// X(near miss, what to do instead)
#define HONE_OVERRIDE_NEAR_MISSES(X) \
  X(transfer_batch_to_device, "A device policy, such as hone::Cuda<>, moves the batches.") \
  X(load_state_dict, "Add `void serialize(auto& archive)` to the type.") \
  X(state_dict, "Add `void serialize(auto& archive)` to the type.") \
  X(configure_model, "Change the model before you construct the trainer.") \
  X(configure_sharded_model, "Change the model before you construct the trainer.") \
  X(abckward, "Did you mean `backward`?") X(ackward, "Did you mean `backward`?") \
  X(backard, "Did you mean `backward`?") X(backawrd, "Did you mean `backward`?") \
  X(backwad, "Did you mean `backward`?") X(backwadr, "Did you mean `backward`?") \
  X(backwar, "Did you mean `backward`?") X(backward_pass, "Did you mean `backward`?") \
  X(backward_step, "Did you mean `backward`?") X(backwards, "Did you mean `backward`?") \
  X(backwrad, "Did you mean `backward`?") X(backwrd, "Did you mean `backward`?") \
  X(bacward, "Did you mean `backward`?") X(bacwkard, "Did you mean `backward`?") \
  X(bakcward, "Did you mean `backward`?") X(bakward, "Did you mean `backward`?") \
  X(bcakward, "Did you mean `backward`?") X(bckward, "Did you mean `backward`?") \
  X(manual_backward, "Did you mean `backward`?") X(ceate_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(cerate_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(craete_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(crate_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(creae_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(creaet_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(creat_eeval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(creat_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(createEvalDataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_eal_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_eavl_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_eva_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_eva_ldataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_adtaloader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_ataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_daaloader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_daatloader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_datalader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_datalaoder, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_dataloade, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_dataloadr, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_dataloadre, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_dataloaedr, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_dataloaer, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_datalodaer, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_dataloder, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_dataoader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_dataolader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_datlaoader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_datloader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_dtaaloader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_dtaloader, "Did you mean `create_eval_dataloader`?") \
  X(create_eval_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_evald_ataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_evaldataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_evaluate_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_evaluate_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_evaluate_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_evaluation_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_evaluation_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_evaluation_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_evl_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_evla_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_test_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_test_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_test_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_testing_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_testing_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_testing_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_val_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_val_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_val_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_validate_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_validate_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_validate_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_validation_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_validation_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(create_validation_loader, "Did you mean `create_eval_dataloader`?") \
  X(create_veal_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(createe_val_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(createeval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(cretae_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(crete_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(get_eval_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(get_eval_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_evaluate_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_evaluate_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(get_evaluate_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_evaluation_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_evaluation_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(get_evaluation_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_test_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_test_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(get_test_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_testing_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_testing_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(get_testing_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_val_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_val_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(get_val_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_validate_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_validate_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(get_validate_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_validation_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(get_validation_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(get_validation_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_eval_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(make_eval_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_evaluate_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_evaluate_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(make_evaluate_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_evaluation_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_evaluation_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(make_evaluation_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_test_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_test_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(make_test_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_testing_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_testing_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(make_testing_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_val_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_val_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(make_val_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_validate_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_validate_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(make_validate_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_validation_data_loader, "Did you mean `create_eval_dataloader`?") \
  X(make_validation_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(make_validation_loader, "Did you mean `create_eval_dataloader`?") \
  X(rceate_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(reate_eval_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(test_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(val_dataloader, "Did you mean `create_eval_dataloader`?") \
  X(ceate_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(cerate_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(craete_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(crate_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(creae_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(creaet_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(creat_etrain_dataloader, "Did you mean `create_train_dataloader`?") \
  X(creat_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(createTrainDataloader, "Did you mean `create_train_dataloader`?") \
  X(create_fit_data_loader, "Did you mean `create_train_dataloader`?") \
  X(create_fit_dataloader, "Did you mean `create_train_dataloader`?") \
  X(create_fit_loader, "Did you mean `create_train_dataloader`?") \
  X(create_rain_dataloader, "Did you mean `create_train_dataloader`?") \
  X(create_rtain_dataloader, "Did you mean `create_train_dataloader`?") \
  X(create_tain_dataloader, "Did you mean `create_train_dataloader`?") \
  X(create_tarin_dataloader, "Did you mean `create_train_dataloader`?") \
  X(create_trai_dataloader, "Did you mean `create_train_dataloader`?") \
  X(create_trai_ndataloader, "Did you mean `create_train_dataloader`?") \
  X(create_train_adtaloader, "Did you mean `create_train_dataloader`?") \
  X(create_train_ataloader, "Did you mean `create_train_dataloader`?") \
  X(create_train_daaloader, "Did you mean `create_train_dataloader`?") \
  X(create_train_daatloader, "Did you mean `create_train_dataloader`?") \
  X(create_train_data_loader, "Did you mean `create_train_dataloader`?") \
  X(create_train_datalader, "Did you mean `create_train_dataloader`?") \
  X(create_train_datalaoder, "Did you mean `create_train_dataloader`?") \
  X(create_train_dataloade, "Did you mean `create_train_dataloader`?") \
  X(create_train_dataloadr, "Did you mean `create_train_dataloader`?") \
  X(create_train_dataloadre, "Did you mean `create_train_dataloader`?") \
  X(create_train_dataloaedr, "Did you mean `create_train_dataloader`?") \
  X(create_train_dataloaer, "Did you mean `create_train_dataloader`?") \
  X(create_train_datalodaer, "Did you mean `create_train_dataloader`?") \
  X(create_train_dataloder, "Did you mean `create_train_dataloader`?") \
  X(create_train_dataoader, "Did you mean `create_train_dataloader`?") \
  X(create_train_dataolader, "Did you mean `create_train_dataloader`?") \
  X(create_train_datlaoader, "Did you mean `create_train_dataloader`?") \
  X(create_train_datloader, "Did you mean `create_train_dataloader`?") \
  X(create_train_dtaaloader, "Did you mean `create_train_dataloader`?") \
  X(create_train_dtaloader, "Did you mean `create_train_dataloader`?") \
  X(create_train_loader, "Did you mean `create_train_dataloader`?") \
  X(create_traind_ataloader, "Did you mean `create_train_dataloader`?") \
  X(create_traindataloader, "Did you mean `create_train_dataloader`?") \
  X(create_training_data_loader, "Did you mean `create_train_dataloader`?") \
  X(create_training_dataloader, "Did you mean `create_train_dataloader`?") \
  X(create_training_loader, "Did you mean `create_train_dataloader`?") \
  X(create_tran_dataloader, "Did you mean `create_train_dataloader`?") \
  X(create_trani_dataloader, "Did you mean `create_train_dataloader`?") \
  X(create_trian_dataloader, "Did you mean `create_train_dataloader`?") \
  X(create_trin_dataloader, "Did you mean `create_train_dataloader`?") \
  X(createt_rain_dataloader, "Did you mean `create_train_dataloader`?") \
  X(createtrain_dataloader, "Did you mean `create_train_dataloader`?") \
  X(cretae_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(crete_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(get_fit_data_loader, "Did you mean `create_train_dataloader`?") \
  X(get_fit_dataloader, "Did you mean `create_train_dataloader`?") \
  X(get_fit_loader, "Did you mean `create_train_dataloader`?") \
  X(get_train_data_loader, "Did you mean `create_train_dataloader`?") \
  X(get_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(get_train_loader, "Did you mean `create_train_dataloader`?") \
  X(get_training_data_loader, "Did you mean `create_train_dataloader`?") \
  X(get_training_dataloader, "Did you mean `create_train_dataloader`?") \
  X(get_training_loader, "Did you mean `create_train_dataloader`?") \
  X(make_fit_data_loader, "Did you mean `create_train_dataloader`?") \
  X(make_fit_dataloader, "Did you mean `create_train_dataloader`?") \
  X(make_fit_loader, "Did you mean `create_train_dataloader`?") \
  X(make_train_data_loader, "Did you mean `create_train_dataloader`?") \
  X(make_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(make_train_loader, "Did you mean `create_train_dataloader`?") \
  X(make_training_data_loader, "Did you mean `create_train_dataloader`?") \
  X(make_training_dataloader, "Did you mean `create_train_dataloader`?") \
  X(make_training_loader, "Did you mean `create_train_dataloader`?") \
  X(rceate_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(reate_train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(train_dataloader, "Did you mean `create_train_dataloader`?") \
  X(calculate_eval_batch_loss, "Did you mean `eval_batch_loss`?") \
  X(compute_eval_batch_loss, "Did you mean `eval_batch_loss`?") X(eal_batch_loss, "Did you mean `eval_batch_loss`?") \
  X(eavl_batch_loss, "Did you mean `eval_batch_loss`?") X(eva_batch_loss, "Did you mean `eval_batch_loss`?") \
  X(eva_lbatch_loss, "Did you mean `eval_batch_loss`?") X(evalBatchLoss, "Did you mean `eval_batch_loss`?") \
  X(eval_abtch_loss, "Did you mean `eval_batch_loss`?") X(eval_atch_loss, "Did you mean `eval_batch_loss`?") \
  X(eval_bach_loss, "Did you mean `eval_batch_loss`?") X(eval_bacth_loss, "Did you mean `eval_batch_loss`?") \
  X(eval_batc_hloss, "Did you mean `eval_batch_loss`?") X(eval_batc_loss, "Did you mean `eval_batch_loss`?") \
  X(eval_batch, "Did you mean `eval_batch_loss`?") X(eval_batch_los, "Did you mean `eval_batch_loss`?") \
  X(eval_batch_lsos, "Did you mean `eval_batch_loss`?") X(eval_batch_lss, "Did you mean `eval_batch_loss`?") \
  X(eval_batch_olss, "Did you mean `eval_batch_loss`?") X(eval_batch_oss, "Did you mean `eval_batch_loss`?") \
  X(eval_batchl_oss, "Did you mean `eval_batch_loss`?") X(eval_batchloss, "Did you mean `eval_batch_loss`?") \
  X(eval_bath_loss, "Did you mean `eval_batch_loss`?") X(eval_bathc_loss, "Did you mean `eval_batch_loss`?") \
  X(eval_btach_loss, "Did you mean `eval_batch_loss`?") X(eval_btch_loss, "Did you mean `eval_batch_loss`?") \
  X(eval_step, "Did you mean `eval_batch_loss`?") X(eval_step_loss, "Did you mean `eval_batch_loss`?") \
  X(evalb_atch_loss, "Did you mean `eval_batch_loss`?") X(evalbatch_loss, "Did you mean `eval_batch_loss`?") \
  X(evaluate_batch_loss, "Did you mean `eval_batch_loss`?") X(evaluate_step_loss, "Did you mean `eval_batch_loss`?") \
  X(evaluation_batch_loss, "Did you mean `eval_batch_loss`?") X(evaluation_step, "Did you mean `eval_batch_loss`?") \
  X(evaluation_step_loss, "Did you mean `eval_batch_loss`?") X(evl_batch_loss, "Did you mean `eval_batch_loss`?") \
  X(evla_batch_loss, "Did you mean `eval_batch_loss`?") X(test_batch_loss, "Did you mean `eval_batch_loss`?") \
  X(test_step, "Did you mean `eval_batch_loss`?") X(test_step_loss, "Did you mean `eval_batch_loss`?") \
  X(testing_batch_loss, "Did you mean `eval_batch_loss`?") X(testing_step_loss, "Did you mean `eval_batch_loss`?") \
  X(val_batch_loss, "Did you mean `eval_batch_loss`?") X(val_step, "Did you mean `eval_batch_loss`?") \
  X(val_step_loss, "Did you mean `eval_batch_loss`?") X(validate_batch_loss, "Did you mean `eval_batch_loss`?") \
  X(validate_step_loss, "Did you mean `eval_batch_loss`?") \
  X(validation_batch_loss, "Did you mean `eval_batch_loss`?") X(validation_step, "Did you mean `eval_batch_loss`?") \
  X(validation_step_loss, "Did you mean `eval_batch_loss`?") X(veal_batch_loss, "Did you mean `eval_batch_loss`?") \
  X(eal_epoch_end, "Did you mean `eval_epoch_end`?") X(eavl_epoch_end, "Did you mean `eval_epoch_end`?") \
  X(eva_epoch_end, "Did you mean `eval_epoch_end`?") X(eva_lepoch_end, "Did you mean `eval_epoch_end`?") \
  X(evalEpochEnd, "Did you mean `eval_epoch_end`?") X(eval_end, "Did you mean `eval_epoch_end`?") \
  X(eval_eoch_end, "Did you mean `eval_epoch_end`?") X(eval_eopch_end, "Did you mean `eval_epoch_end`?") \
  X(eval_epch_end, "Did you mean `eval_epoch_end`?") X(eval_epcoh_end, "Did you mean `eval_epoch_end`?") \
  X(eval_epoc_end, "Did you mean `eval_epoch_end`?") X(eval_epoc_hend, "Did you mean `eval_epoch_end`?") \
  X(eval_epoch_ed, "Did you mean `eval_epoch_end`?") X(eval_epoch_edn, "Did you mean `eval_epoch_end`?") \
  X(eval_epoch_en, "Did you mean `eval_epoch_end`?") X(eval_epoch_finish, "Did you mean `eval_epoch_end`?") \
  X(eval_epoch_nd, "Did you mean `eval_epoch_end`?") X(eval_epoch_ned, "Did you mean `eval_epoch_end`?") \
  X(eval_epoche_nd, "Did you mean `eval_epoch_end`?") X(eval_epochend, "Did you mean `eval_epoch_end`?") \
  X(eval_epoh_end, "Did you mean `eval_epoch_end`?") X(eval_epohc_end, "Did you mean `eval_epoch_end`?") \
  X(eval_peoch_end, "Did you mean `eval_epoch_end`?") X(eval_poch_end, "Did you mean `eval_epoch_end`?") \
  X(evale_poch_end, "Did you mean `eval_epoch_end`?") X(evalepoch_end, "Did you mean `eval_epoch_end`?") \
  X(evaluate_epoch_end, "Did you mean `eval_epoch_end`?") X(evaluate_epoch_finish, "Did you mean `eval_epoch_end`?") \
  X(evaluation_epoch_end, "Did you mean `eval_epoch_end`?") \
  X(evaluation_epoch_finish, "Did you mean `eval_epoch_end`?") X(evl_epoch_end, "Did you mean `eval_epoch_end`?") \
  X(evla_epoch_end, "Did you mean `eval_epoch_end`?") X(test_epoch_end, "Did you mean `eval_epoch_end`?") \
  X(test_epoch_finish, "Did you mean `eval_epoch_end`?") X(testing_epoch_end, "Did you mean `eval_epoch_end`?") \
  X(testing_epoch_finish, "Did you mean `eval_epoch_end`?") X(val_epoch_end, "Did you mean `eval_epoch_end`?") \
  X(val_epoch_finish, "Did you mean `eval_epoch_end`?") X(validate_epoch_end, "Did you mean `eval_epoch_end`?") \
  X(validate_epoch_finish, "Did you mean `eval_epoch_end`?") X(validation_end, "Did you mean `eval_epoch_end`?") \
  X(validation_epoch_end, "Did you mean `eval_epoch_end`?") \
  X(validation_epoch_finish, "Did you mean `eval_epoch_end`?") X(veal_epoch_end, "Did you mean `eval_epoch_end`?") \
  X(eal_epoch_start, "Did you mean `eval_epoch_start`?") X(eavl_epoch_start, "Did you mean `eval_epoch_start`?") \
  X(eva_epoch_start, "Did you mean `eval_epoch_start`?") X(eva_lepoch_start, "Did you mean `eval_epoch_start`?") \
  X(evalEpochStart, "Did you mean `eval_epoch_start`?") X(eval_eoch_start, "Did you mean `eval_epoch_start`?") \
  X(eval_eopch_start, "Did you mean `eval_epoch_start`?") X(eval_epch_start, "Did you mean `eval_epoch_start`?") \
  X(eval_epcoh_start, "Did you mean `eval_epoch_start`?") X(eval_epoc_hstart, "Did you mean `eval_epoch_start`?") \
  X(eval_epoc_start, "Did you mean `eval_epoch_start`?") X(eval_epoch_begin, "Did you mean `eval_epoch_start`?") \
  X(eval_epoch_sart, "Did you mean `eval_epoch_start`?") X(eval_epoch_satrt, "Did you mean `eval_epoch_start`?") \
  X(eval_epoch_star, "Did you mean `eval_epoch_start`?") X(eval_epoch_stat, "Did you mean `eval_epoch_start`?") \
  X(eval_epoch_statr, "Did you mean `eval_epoch_start`?") X(eval_epoch_strat, "Did you mean `eval_epoch_start`?") \
  X(eval_epoch_strt, "Did you mean `eval_epoch_start`?") X(eval_epoch_tart, "Did you mean `eval_epoch_start`?") \
  X(eval_epoch_tsart, "Did you mean `eval_epoch_start`?") X(eval_epochs_tart, "Did you mean `eval_epoch_start`?") \
  X(eval_epochstart, "Did you mean `eval_epoch_start`?") X(eval_epoh_start, "Did you mean `eval_epoch_start`?") \
  X(eval_epohc_start, "Did you mean `eval_epoch_start`?") X(eval_peoch_start, "Did you mean `eval_epoch_start`?") \
  X(eval_poch_start, "Did you mean `eval_epoch_start`?") X(eval_start, "Did you mean `eval_epoch_start`?") \
  X(evale_poch_start, "Did you mean `eval_epoch_start`?") X(evalepoch_start, "Did you mean `eval_epoch_start`?") \
  X(evaluate_epoch_begin, "Did you mean `eval_epoch_start`?") \
  X(evaluate_epoch_start, "Did you mean `eval_epoch_start`?") \
  X(evaluation_epoch_begin, "Did you mean `eval_epoch_start`?") \
  X(evaluation_epoch_start, "Did you mean `eval_epoch_start`?") \
  X(evl_epoch_start, "Did you mean `eval_epoch_start`?") X(evla_epoch_start, "Did you mean `eval_epoch_start`?") \
  X(test_epoch_begin, "Did you mean `eval_epoch_start`?") X(test_epoch_start, "Did you mean `eval_epoch_start`?") \
  X(testing_epoch_begin, "Did you mean `eval_epoch_start`?") \
  X(testing_epoch_start, "Did you mean `eval_epoch_start`?") X(val_epoch_begin, "Did you mean `eval_epoch_start`?") \
  X(val_epoch_start, "Did you mean `eval_epoch_start`?") X(validate_epoch_begin, "Did you mean `eval_epoch_start`?") \
  X(validate_epoch_start, "Did you mean `eval_epoch_start`?") \
  X(validation_epoch_begin, "Did you mean `eval_epoch_start`?") \
  X(validation_epoch_start, "Did you mean `eval_epoch_start`?") \
  X(validation_start, "Did you mean `eval_epoch_start`?") X(veal_epoch_start, "Did you mean `eval_epoch_start`?") \
  X(ealuation_run_end, "Did you mean `evaluation_run_end`?") \
  X(eavluation_run_end, "Did you mean `evaluation_run_end`?") X(eval_finish, "Did you mean `evaluation_run_end`?") \
  X(eval_run_end, "Did you mean `evaluation_run_end`?") X(eval_run_finish, "Did you mean `evaluation_run_end`?") \
  X(evalation_run_end, "Did you mean `evaluation_run_end`?") \
  X(evalaution_run_end, "Did you mean `evaluation_run_end`?") \
  X(evaluaion_run_end, "Did you mean `evaluation_run_end`?") \
  X(evaluaiton_run_end, "Did you mean `evaluation_run_end`?") X(evaluate_end, "Did you mean `evaluation_run_end`?") \
  X(evaluate_finish, "Did you mean `evaluation_run_end`?") X(evaluate_run_end, "Did you mean `evaluation_run_end`?") \
  X(evaluate_run_finish, "Did you mean `evaluation_run_end`?") \
  X(evaluatin_run_end, "Did you mean `evaluation_run_end`?") \
  X(evaluatino_run_end, "Did you mean `evaluation_run_end`?") \
  X(evaluatio_nrun_end, "Did you mean `evaluation_run_end`?") \
  X(evaluatio_run_end, "Did you mean `evaluation_run_end`?") \
  X(evaluationRunEnd, "Did you mean `evaluation_run_end`?") X(evaluation_end, "Did you mean `evaluation_run_end`?") \
  X(evaluation_finish, "Did you mean `evaluation_run_end`?") \
  X(evaluation_rn_end, "Did you mean `evaluation_run_end`?") \
  X(evaluation_rnu_end, "Did you mean `evaluation_run_end`?") \
  X(evaluation_ru_end, "Did you mean `evaluation_run_end`?") \
  X(evaluation_ru_nend, "Did you mean `evaluation_run_end`?") \
  X(evaluation_run_ed, "Did you mean `evaluation_run_end`?") \
  X(evaluation_run_edn, "Did you mean `evaluation_run_end`?") \
  X(evaluation_run_en, "Did you mean `evaluation_run_end`?") \
  X(evaluation_run_finish, "Did you mean `evaluation_run_end`?") \
  X(evaluation_run_nd, "Did you mean `evaluation_run_end`?") \
  X(evaluation_run_ned, "Did you mean `evaluation_run_end`?") \
  X(evaluation_rune_nd, "Did you mean `evaluation_run_end`?") \
  X(evaluation_runend, "Did you mean `evaluation_run_end`?") \
  X(evaluation_un_end, "Did you mean `evaluation_run_end`?") \
  X(evaluation_urn_end, "Did you mean `evaluation_run_end`?") \
  X(evaluationr_un_end, "Did you mean `evaluation_run_end`?") \
  X(evaluationrun_end, "Did you mean `evaluation_run_end`?") \
  X(evaluatoin_run_end, "Did you mean `evaluation_run_end`?") \
  X(evaluaton_run_end, "Did you mean `evaluation_run_end`?") \
  X(evalutaion_run_end, "Did you mean `evaluation_run_end`?") \
  X(evalution_run_end, "Did you mean `evaluation_run_end`?") \
  X(evauation_run_end, "Did you mean `evaluation_run_end`?") \
  X(evaulation_run_end, "Did you mean `evaluation_run_end`?") \
  X(evlauation_run_end, "Did you mean `evaluation_run_end`?") \
  X(evluation_run_end, "Did you mean `evaluation_run_end`?") X(test_end, "Did you mean `evaluation_run_end`?") \
  X(test_finish, "Did you mean `evaluation_run_end`?") X(test_run_end, "Did you mean `evaluation_run_end`?") \
  X(test_run_finish, "Did you mean `evaluation_run_end`?") X(testing_end, "Did you mean `evaluation_run_end`?") \
  X(testing_finish, "Did you mean `evaluation_run_end`?") X(testing_run_end, "Did you mean `evaluation_run_end`?") \
  X(testing_run_finish, "Did you mean `evaluation_run_end`?") X(val_end, "Did you mean `evaluation_run_end`?") \
  X(val_finish, "Did you mean `evaluation_run_end`?") X(val_run_end, "Did you mean `evaluation_run_end`?") \
  X(val_run_finish, "Did you mean `evaluation_run_end`?") X(validate_end, "Did you mean `evaluation_run_end`?") \
  X(validate_finish, "Did you mean `evaluation_run_end`?") X(validate_run_end, "Did you mean `evaluation_run_end`?") \
  X(validate_run_finish, "Did you mean `evaluation_run_end`?") \
  X(validation_finish, "Did you mean `evaluation_run_end`?") \
  X(validation_run_end, "Did you mean `evaluation_run_end`?") \
  X(validation_run_finish, "Did you mean `evaluation_run_end`?") \
  X(valuation_run_end, "Did you mean `evaluation_run_end`?") \
  X(vealuation_run_end, "Did you mean `evaluation_run_end`?") \
  X(ealuation_run_start, "Did you mean `evaluation_run_start`?") \
  X(eavluation_run_start, "Did you mean `evaluation_run_start`?") \
  X(eval_begin, "Did you mean `evaluation_run_start`?") X(eval_run_begin, "Did you mean `evaluation_run_start`?") \
  X(eval_run_start, "Did you mean `evaluation_run_start`?") \
  X(evalation_run_start, "Did you mean `evaluation_run_start`?") \
  X(evalaution_run_start, "Did you mean `evaluation_run_start`?") \
  X(evaluaion_run_start, "Did you mean `evaluation_run_start`?") \
  X(evaluaiton_run_start, "Did you mean `evaluation_run_start`?") \
  X(evaluate_begin, "Did you mean `evaluation_run_start`?") \
  X(evaluate_run_begin, "Did you mean `evaluation_run_start`?") \
  X(evaluate_run_start, "Did you mean `evaluation_run_start`?") \
  X(evaluate_start, "Did you mean `evaluation_run_start`?") \
  X(evaluatin_run_start, "Did you mean `evaluation_run_start`?") \
  X(evaluatino_run_start, "Did you mean `evaluation_run_start`?") \
  X(evaluatio_nrun_start, "Did you mean `evaluation_run_start`?") \
  X(evaluatio_run_start, "Did you mean `evaluation_run_start`?") \
  X(evaluationRunStart, "Did you mean `evaluation_run_start`?") \
  X(evaluation_begin, "Did you mean `evaluation_run_start`?") \
  X(evaluation_rn_start, "Did you mean `evaluation_run_start`?") \
  X(evaluation_rnu_start, "Did you mean `evaluation_run_start`?") \
  X(evaluation_ru_nstart, "Did you mean `evaluation_run_start`?") \
  X(evaluation_ru_start, "Did you mean `evaluation_run_start`?") \
  X(evaluation_run_begin, "Did you mean `evaluation_run_start`?") \
  X(evaluation_run_sart, "Did you mean `evaluation_run_start`?") \
  X(evaluation_run_satrt, "Did you mean `evaluation_run_start`?") \
  X(evaluation_run_star, "Did you mean `evaluation_run_start`?") \
  X(evaluation_run_stat, "Did you mean `evaluation_run_start`?") \
  X(evaluation_run_statr, "Did you mean `evaluation_run_start`?") \
  X(evaluation_run_strat, "Did you mean `evaluation_run_start`?") \
  X(evaluation_run_strt, "Did you mean `evaluation_run_start`?") \
  X(evaluation_run_tart, "Did you mean `evaluation_run_start`?") \
  X(evaluation_run_tsart, "Did you mean `evaluation_run_start`?") \
  X(evaluation_runs_tart, "Did you mean `evaluation_run_start`?") \
  X(evaluation_runstart, "Did you mean `evaluation_run_start`?") \
  X(evaluation_start, "Did you mean `evaluation_run_start`?") \
  X(evaluation_un_start, "Did you mean `evaluation_run_start`?") \
  X(evaluation_urn_start, "Did you mean `evaluation_run_start`?") \
  X(evaluationr_un_start, "Did you mean `evaluation_run_start`?") \
  X(evaluationrun_start, "Did you mean `evaluation_run_start`?") \
  X(evaluatoin_run_start, "Did you mean `evaluation_run_start`?") \
  X(evaluaton_run_start, "Did you mean `evaluation_run_start`?") \
  X(evalutaion_run_start, "Did you mean `evaluation_run_start`?") \
  X(evalution_run_start, "Did you mean `evaluation_run_start`?") \
  X(evauation_run_start, "Did you mean `evaluation_run_start`?") \
  X(evaulation_run_start, "Did you mean `evaluation_run_start`?") \
  X(evlauation_run_start, "Did you mean `evaluation_run_start`?") \
  X(evluation_run_start, "Did you mean `evaluation_run_start`?") \
  X(test_begin, "Did you mean `evaluation_run_start`?") X(test_run_begin, "Did you mean `evaluation_run_start`?") \
  X(test_run_start, "Did you mean `evaluation_run_start`?") X(test_start, "Did you mean `evaluation_run_start`?") \
  X(testing_begin, "Did you mean `evaluation_run_start`?") \
  X(testing_run_begin, "Did you mean `evaluation_run_start`?") \
  X(testing_run_start, "Did you mean `evaluation_run_start`?") \
  X(testing_start, "Did you mean `evaluation_run_start`?") X(val_begin, "Did you mean `evaluation_run_start`?") \
  X(val_run_begin, "Did you mean `evaluation_run_start`?") X(val_run_start, "Did you mean `evaluation_run_start`?") \
  X(val_start, "Did you mean `evaluation_run_start`?") X(validate_begin, "Did you mean `evaluation_run_start`?") \
  X(validate_run_begin, "Did you mean `evaluation_run_start`?") \
  X(validate_run_start, "Did you mean `evaluation_run_start`?") \
  X(validate_start, "Did you mean `evaluation_run_start`?") \
  X(validation_begin, "Did you mean `evaluation_run_start`?") \
  X(validation_run_begin, "Did you mean `evaluation_run_start`?") \
  X(validation_run_start, "Did you mean `evaluation_run_start`?") \
  X(valuation_run_start, "Did you mean `evaluation_run_start`?") \
  X(vealuation_run_start, "Did you mean `evaluation_run_start`?") X(opimizer_step, "Did you mean `optimizer_step`?") \
  X(opitmizer_step, "Did you mean `optimizer_step`?") X(optiimzer_step, "Did you mean `optimizer_step`?") \
  X(optiizer_step, "Did you mean `optimizer_step`?") X(optim_batch, "Did you mean `optimizer_step`?") \
  X(optim_step, "Did you mean `optimizer_step`?") X(optimier_step, "Did you mean `optimizer_step`?") \
  X(optimiezr_step, "Did you mean `optimizer_step`?") X(optimiser_batch, "Did you mean `optimizer_step`?") \
  X(optimiser_step, "Did you mean `optimizer_step`?") X(optimize_rstep, "Did you mean `optimizer_step`?") \
  X(optimize_step, "Did you mean `optimizer_step`?") X(optimizerStep, "Did you mean `optimizer_step`?") \
  X(optimizer_batch, "Did you mean `optimizer_step`?") X(optimizer_sep, "Did you mean `optimizer_step`?") \
  X(optimizer_setp, "Did you mean `optimizer_step`?") X(optimizer_ste, "Did you mean `optimizer_step`?") \
  X(optimizer_stp, "Did you mean `optimizer_step`?") X(optimizer_stpe, "Did you mean `optimizer_step`?") \
  X(optimizer_tep, "Did you mean `optimizer_step`?") X(optimizer_tsep, "Did you mean `optimizer_step`?") \
  X(optimizers_tep, "Did you mean `optimizer_step`?") X(optimizerstep, "Did you mean `optimizer_step`?") \
  X(optimizr_step, "Did you mean `optimizer_step`?") X(optimizre_step, "Did you mean `optimizer_step`?") \
  X(optimzer_step, "Did you mean `optimizer_step`?") X(optimzier_step, "Did you mean `optimizer_step`?") \
  X(optmiizer_step, "Did you mean `optimizer_step`?") X(optmizer_step, "Did you mean `optimizer_step`?") \
  X(otimizer_step, "Did you mean `optimizer_step`?") X(otpimizer_step, "Did you mean `optimizer_step`?") \
  X(potimizer_step, "Did you mean `optimizer_step`?") X(ptimizer_step, "Did you mean `optimizer_step`?") \
  X(step_optimizer, "Did you mean `optimizer_step`?") X(inference_batch, "Did you mean `predict_batch`?") \
  X(inference_step, "Did you mean `predict_batch`?") X(pedict_batch, "Did you mean `predict_batch`?") \
  X(perdict_batch, "Did you mean `predict_batch`?") X(prdeict_batch, "Did you mean `predict_batch`?") \
  X(prdict_batch, "Did you mean `predict_batch`?") X(predcit_batch, "Did you mean `predict_batch`?") \
  X(predct_batch, "Did you mean `predict_batch`?") X(predic_batch, "Did you mean `predict_batch`?") \
  X(predic_tbatch, "Did you mean `predict_batch`?") X(predictBatch, "Did you mean `predict_batch`?") \
  X(predict_abtch, "Did you mean `predict_batch`?") X(predict_atch, "Did you mean `predict_batch`?") \
  X(predict_bach, "Did you mean `predict_batch`?") X(predict_bacth, "Did you mean `predict_batch`?") \
  X(predict_batc, "Did you mean `predict_batch`?") X(predict_bath, "Did you mean `predict_batch`?") \
  X(predict_bathc, "Did you mean `predict_batch`?") X(predict_btach, "Did you mean `predict_batch`?") \
  X(predict_btch, "Did you mean `predict_batch`?") X(predict_step, "Did you mean `predict_batch`?") \
  X(predictb_atch, "Did you mean `predict_batch`?") X(predictbatch, "Did you mean `predict_batch`?") \
  X(prediction_batch, "Did you mean `predict_batch`?") X(prediction_step, "Did you mean `predict_batch`?") \
  X(predit_batch, "Did you mean `predict_batch`?") X(preditc_batch, "Did you mean `predict_batch`?") \
  X(preict_batch, "Did you mean `predict_batch`?") X(preidct_batch, "Did you mean `predict_batch`?") \
  X(redict_batch, "Did you mean `predict_batch`?") X(rpedict_batch, "Did you mean `predict_batch`?") \
  X(cheduler_step, "Did you mean `scheduler_step`?") X(csheduler_step, "Did you mean `scheduler_step`?") \
  X(lr_scheduler_step, "Did you mean `scheduler_step`?") X(sceduler_step, "Did you mean `scheduler_step`?") \
  X(scehduler_step, "Did you mean `scheduler_step`?") X(schdeuler_step, "Did you mean `scheduler_step`?") \
  X(schduler_step, "Did you mean `scheduler_step`?") X(schedler_step, "Did you mean `scheduler_step`?") \
  X(schedluer_step, "Did you mean `scheduler_step`?") X(scheduelr_step, "Did you mean `scheduler_step`?") \
  X(scheduer_step, "Did you mean `scheduler_step`?") X(schedule_rstep, "Did you mean `scheduler_step`?") \
  X(schedule_step, "Did you mean `scheduler_step`?") X(schedulerStep, "Did you mean `scheduler_step`?") \
  X(scheduler_batch, "Did you mean `scheduler_step`?") X(scheduler_sep, "Did you mean `scheduler_step`?") \
  X(scheduler_setp, "Did you mean `scheduler_step`?") X(scheduler_ste, "Did you mean `scheduler_step`?") \
  X(scheduler_stp, "Did you mean `scheduler_step`?") X(scheduler_stpe, "Did you mean `scheduler_step`?") \
  X(scheduler_tep, "Did you mean `scheduler_step`?") X(scheduler_tsep, "Did you mean `scheduler_step`?") \
  X(schedulers_tep, "Did you mean `scheduler_step`?") X(schedulerstep, "Did you mean `scheduler_step`?") \
  X(schedulr_step, "Did you mean `scheduler_step`?") X(schedulre_step, "Did you mean `scheduler_step`?") \
  X(scheudler_step, "Did you mean `scheduler_step`?") X(scheuler_step, "Did you mean `scheduler_step`?") \
  X(shceduler_step, "Did you mean `scheduler_step`?") X(sheduler_step, "Did you mean `scheduler_step`?") \
  X(step_scheduler, "Did you mean `scheduler_step`?") \
  X(calculate_train_batch_loss, "Did you mean `train_batch_loss`?") \
  X(compute_loss, "Did you mean `train_batch_loss`?") X(compute_train_batch_loss, "Did you mean `train_batch_loss`?") \
  X(fit_batch_loss, "Did you mean `train_batch_loss`?") X(fit_step_loss, "Did you mean `train_batch_loss`?") \
  X(rain_batch_loss, "Did you mean `train_batch_loss`?") X(rtain_batch_loss, "Did you mean `train_batch_loss`?") \
  X(tain_batch_loss, "Did you mean `train_batch_loss`?") X(tarin_batch_loss, "Did you mean `train_batch_loss`?") \
  X(trai_batch_loss, "Did you mean `train_batch_loss`?") X(trai_nbatch_loss, "Did you mean `train_batch_loss`?") \
  X(trainBatchLoss, "Did you mean `train_batch_loss`?") X(train_abtch_loss, "Did you mean `train_batch_loss`?") \
  X(train_atch_loss, "Did you mean `train_batch_loss`?") X(train_bach_loss, "Did you mean `train_batch_loss`?") \
  X(train_bacth_loss, "Did you mean `train_batch_loss`?") X(train_batc_hloss, "Did you mean `train_batch_loss`?") \
  X(train_batc_loss, "Did you mean `train_batch_loss`?") X(train_batch, "Did you mean `train_batch_loss`?") \
  X(train_batch_los, "Did you mean `train_batch_loss`?") X(train_batch_lsos, "Did you mean `train_batch_loss`?") \
  X(train_batch_lss, "Did you mean `train_batch_loss`?") X(train_batch_olss, "Did you mean `train_batch_loss`?") \
  X(train_batch_oss, "Did you mean `train_batch_loss`?") X(train_batchl_oss, "Did you mean `train_batch_loss`?") \
  X(train_batchloss, "Did you mean `train_batch_loss`?") X(train_bath_loss, "Did you mean `train_batch_loss`?") \
  X(train_bathc_loss, "Did you mean `train_batch_loss`?") X(train_btach_loss, "Did you mean `train_batch_loss`?") \
  X(train_btch_loss, "Did you mean `train_batch_loss`?") X(train_step, "Did you mean `train_batch_loss`?") \
  X(train_step_loss, "Did you mean `train_batch_loss`?") X(trainb_atch_loss, "Did you mean `train_batch_loss`?") \
  X(trainbatch_loss, "Did you mean `train_batch_loss`?") X(training_batch_loss, "Did you mean `train_batch_loss`?") \
  X(training_step, "Did you mean `train_batch_loss`?") X(training_step_loss, "Did you mean `train_batch_loss`?") \
  X(tran_batch_loss, "Did you mean `train_batch_loss`?") X(trani_batch_loss, "Did you mean `train_batch_loss`?") \
  X(trian_batch_loss, "Did you mean `train_batch_loss`?") X(trin_batch_loss, "Did you mean `train_batch_loss`?") \
  X(fit_epoch_end, "Did you mean `train_epoch_end`?") X(fit_epoch_finish, "Did you mean `train_epoch_end`?") \
  X(rain_epoch_end, "Did you mean `train_epoch_end`?") X(rtain_epoch_end, "Did you mean `train_epoch_end`?") \
  X(tain_epoch_end, "Did you mean `train_epoch_end`?") X(tarin_epoch_end, "Did you mean `train_epoch_end`?") \
  X(trai_epoch_end, "Did you mean `train_epoch_end`?") X(trai_nepoch_end, "Did you mean `train_epoch_end`?") \
  X(trainEpochEnd, "Did you mean `train_epoch_end`?") X(train_eoch_end, "Did you mean `train_epoch_end`?") \
  X(train_eopch_end, "Did you mean `train_epoch_end`?") X(train_epch_end, "Did you mean `train_epoch_end`?") \
  X(train_epcoh_end, "Did you mean `train_epoch_end`?") X(train_epoc_end, "Did you mean `train_epoch_end`?") \
  X(train_epoc_hend, "Did you mean `train_epoch_end`?") X(train_epoch_ed, "Did you mean `train_epoch_end`?") \
  X(train_epoch_edn, "Did you mean `train_epoch_end`?") X(train_epoch_en, "Did you mean `train_epoch_end`?") \
  X(train_epoch_finish, "Did you mean `train_epoch_end`?") X(train_epoch_nd, "Did you mean `train_epoch_end`?") \
  X(train_epoch_ned, "Did you mean `train_epoch_end`?") X(train_epoche_nd, "Did you mean `train_epoch_end`?") \
  X(train_epochend, "Did you mean `train_epoch_end`?") X(train_epoh_end, "Did you mean `train_epoch_end`?") \
  X(train_epohc_end, "Did you mean `train_epoch_end`?") X(train_peoch_end, "Did you mean `train_epoch_end`?") \
  X(train_poch_end, "Did you mean `train_epoch_end`?") X(traine_poch_end, "Did you mean `train_epoch_end`?") \
  X(trainepoch_end, "Did you mean `train_epoch_end`?") X(training_epoch_end, "Did you mean `train_epoch_end`?") \
  X(training_epoch_finish, "Did you mean `train_epoch_end`?") X(tran_epoch_end, "Did you mean `train_epoch_end`?") \
  X(trani_epoch_end, "Did you mean `train_epoch_end`?") X(trian_epoch_end, "Did you mean `train_epoch_end`?") \
  X(trin_epoch_end, "Did you mean `train_epoch_end`?") X(fit_epoch_begin, "Did you mean `train_epoch_start`?") \
  X(fit_epoch_start, "Did you mean `train_epoch_start`?") X(rain_epoch_start, "Did you mean `train_epoch_start`?") \
  X(rtain_epoch_start, "Did you mean `train_epoch_start`?") X(tain_epoch_start, "Did you mean `train_epoch_start`?") \
  X(tarin_epoch_start, "Did you mean `train_epoch_start`?") X(trai_epoch_start, "Did you mean `train_epoch_start`?") \
  X(trai_nepoch_start, "Did you mean `train_epoch_start`?") X(trainEpochStart, "Did you mean `train_epoch_start`?") \
  X(train_eoch_start, "Did you mean `train_epoch_start`?") X(train_eopch_start, "Did you mean `train_epoch_start`?") \
  X(train_epch_start, "Did you mean `train_epoch_start`?") X(train_epcoh_start, "Did you mean `train_epoch_start`?") \
  X(train_epoc_hstart, "Did you mean `train_epoch_start`?") X(train_epoc_start, "Did you mean `train_epoch_start`?") \
  X(train_epoch_begin, "Did you mean `train_epoch_start`?") X(train_epoch_sart, "Did you mean `train_epoch_start`?") \
  X(train_epoch_satrt, "Did you mean `train_epoch_start`?") X(train_epoch_star, "Did you mean `train_epoch_start`?") \
  X(train_epoch_stat, "Did you mean `train_epoch_start`?") X(train_epoch_statr, "Did you mean `train_epoch_start`?") \
  X(train_epoch_strat, "Did you mean `train_epoch_start`?") X(train_epoch_strt, "Did you mean `train_epoch_start`?") \
  X(train_epoch_tart, "Did you mean `train_epoch_start`?") X(train_epoch_tsart, "Did you mean `train_epoch_start`?") \
  X(train_epochs_tart, "Did you mean `train_epoch_start`?") X(train_epochstart, "Did you mean `train_epoch_start`?") \
  X(train_epoh_start, "Did you mean `train_epoch_start`?") X(train_epohc_start, "Did you mean `train_epoch_start`?") \
  X(train_peoch_start, "Did you mean `train_epoch_start`?") X(train_poch_start, "Did you mean `train_epoch_start`?") \
  X(traine_poch_start, "Did you mean `train_epoch_start`?") X(trainepoch_start, "Did you mean `train_epoch_start`?") \
  X(training_epoch_begin, "Did you mean `train_epoch_start`?") \
  X(training_epoch_start, "Did you mean `train_epoch_start`?") \
  X(tran_epoch_start, "Did you mean `train_epoch_start`?") X(trani_epoch_start, "Did you mean `train_epoch_start`?") \
  X(trian_epoch_start, "Did you mean `train_epoch_start`?") X(trin_epoch_start, "Did you mean `train_epoch_start`?") \
  X(fit_end, "Did you mean `training_run_end`?") X(fit_finish, "Did you mean `training_run_end`?") \
  X(fit_run_end, "Did you mean `training_run_end`?") X(fit_run_finish, "Did you mean `training_run_end`?") \
  X(raining_run_end, "Did you mean `training_run_end`?") X(rtaining_run_end, "Did you mean `training_run_end`?") \
  X(taining_run_end, "Did you mean `training_run_end`?") X(tarining_run_end, "Did you mean `training_run_end`?") \
  X(traiing_run_end, "Did you mean `training_run_end`?") X(traiinng_run_end, "Did you mean `training_run_end`?") \
  X(train_end, "Did you mean `training_run_end`?") X(train_finish, "Did you mean `training_run_end`?") \
  X(train_run_end, "Did you mean `training_run_end`?") X(train_run_finish, "Did you mean `training_run_end`?") \
  X(trainig_run_end, "Did you mean `training_run_end`?") X(trainign_run_end, "Did you mean `training_run_end`?") \
  X(trainin_grun_end, "Did you mean `training_run_end`?") X(trainin_run_end, "Did you mean `training_run_end`?") \
  X(trainingRunEnd, "Did you mean `training_run_end`?") X(training_end, "Did you mean `training_run_end`?") \
  X(training_finish, "Did you mean `training_run_end`?") X(training_rn_end, "Did you mean `training_run_end`?") \
  X(training_rnu_end, "Did you mean `training_run_end`?") X(training_ru_end, "Did you mean `training_run_end`?") \
  X(training_ru_nend, "Did you mean `training_run_end`?") X(training_run_ed, "Did you mean `training_run_end`?") \
  X(training_run_edn, "Did you mean `training_run_end`?") X(training_run_en, "Did you mean `training_run_end`?") \
  X(training_run_finish, "Did you mean `training_run_end`?") X(training_run_nd, "Did you mean `training_run_end`?") \
  X(training_run_ned, "Did you mean `training_run_end`?") X(training_rune_nd, "Did you mean `training_run_end`?") \
  X(training_runend, "Did you mean `training_run_end`?") X(training_un_end, "Did you mean `training_run_end`?") \
  X(training_urn_end, "Did you mean `training_run_end`?") X(trainingr_un_end, "Did you mean `training_run_end`?") \
  X(trainingrun_end, "Did you mean `training_run_end`?") X(trainng_run_end, "Did you mean `training_run_end`?") \
  X(trainnig_run_end, "Did you mean `training_run_end`?") X(traniing_run_end, "Did you mean `training_run_end`?") \
  X(traning_run_end, "Did you mean `training_run_end`?") X(trianing_run_end, "Did you mean `training_run_end`?") \
  X(trining_run_end, "Did you mean `training_run_end`?") \
  X(fit_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(fit_run_epoch_finish, "Did you mean `training_run_epoch_end`?") \
  X(raining_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(rtaining_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(taining_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(tarining_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(traiing_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(traiinng_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(train_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(train_run_epoch_finish, "Did you mean `training_run_epoch_end`?") \
  X(trainig_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(trainign_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(trainin_grun_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(trainin_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(trainingRunEpochEnd, "Did you mean `training_run_epoch_end`?") \
  X(training_rn_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(training_rnu_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(training_ru_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(training_ru_nepoch_end, "Did you mean `training_run_epoch_end`?") \
  X(training_run_eoch_end, "Did you mean `training_run_epoch_end`?") \
  X(training_run_eopch_end, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epch_end, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epcoh_end, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epoc_end, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epoc_hend, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epoch_ed, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epoch_edn, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epoch_en, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epoch_finish, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epoch_nd, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epoch_ned, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epoche_nd, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epochend, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epoh_end, "Did you mean `training_run_epoch_end`?") \
  X(training_run_epohc_end, "Did you mean `training_run_epoch_end`?") \
  X(training_run_peoch_end, "Did you mean `training_run_epoch_end`?") \
  X(training_run_poch_end, "Did you mean `training_run_epoch_end`?") \
  X(training_rune_poch_end, "Did you mean `training_run_epoch_end`?") \
  X(training_runepoch_end, "Did you mean `training_run_epoch_end`?") \
  X(training_un_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(training_urn_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(trainingr_un_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(trainingrun_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(trainng_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(trainnig_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(traniing_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(traning_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(trianing_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(trining_run_epoch_end, "Did you mean `training_run_epoch_end`?") \
  X(fit_begin, "Did you mean `training_run_start`?") X(fit_run_begin, "Did you mean `training_run_start`?") \
  X(fit_run_start, "Did you mean `training_run_start`?") X(fit_start, "Did you mean `training_run_start`?") \
  X(raining_run_start, "Did you mean `training_run_start`?") \
  X(rtaining_run_start, "Did you mean `training_run_start`?") \
  X(taining_run_start, "Did you mean `training_run_start`?") \
  X(tarining_run_start, "Did you mean `training_run_start`?") \
  X(traiing_run_start, "Did you mean `training_run_start`?") \
  X(traiinng_run_start, "Did you mean `training_run_start`?") X(train_begin, "Did you mean `training_run_start`?") \
  X(train_run_begin, "Did you mean `training_run_start`?") X(train_run_start, "Did you mean `training_run_start`?") \
  X(train_start, "Did you mean `training_run_start`?") X(trainig_run_start, "Did you mean `training_run_start`?") \
  X(trainign_run_start, "Did you mean `training_run_start`?") \
  X(trainin_grun_start, "Did you mean `training_run_start`?") \
  X(trainin_run_start, "Did you mean `training_run_start`?") \
  X(trainingRunStart, "Did you mean `training_run_start`?") X(training_begin, "Did you mean `training_run_start`?") \
  X(training_rn_start, "Did you mean `training_run_start`?") \
  X(training_rnu_start, "Did you mean `training_run_start`?") \
  X(training_ru_nstart, "Did you mean `training_run_start`?") \
  X(training_ru_start, "Did you mean `training_run_start`?") \
  X(training_run_begin, "Did you mean `training_run_start`?") \
  X(training_run_sart, "Did you mean `training_run_start`?") \
  X(training_run_satrt, "Did you mean `training_run_start`?") \
  X(training_run_star, "Did you mean `training_run_start`?") \
  X(training_run_stat, "Did you mean `training_run_start`?") \
  X(training_run_statr, "Did you mean `training_run_start`?") \
  X(training_run_strat, "Did you mean `training_run_start`?") \
  X(training_run_strt, "Did you mean `training_run_start`?") \
  X(training_run_tart, "Did you mean `training_run_start`?") \
  X(training_run_tsart, "Did you mean `training_run_start`?") \
  X(training_runs_tart, "Did you mean `training_run_start`?") \
  X(training_runstart, "Did you mean `training_run_start`?") X(training_start, "Did you mean `training_run_start`?") \
  X(training_un_start, "Did you mean `training_run_start`?") \
  X(training_urn_start, "Did you mean `training_run_start`?") \
  X(trainingr_un_start, "Did you mean `training_run_start`?") \
  X(trainingrun_start, "Did you mean `training_run_start`?") \
  X(trainng_run_start, "Did you mean `training_run_start`?") \
  X(trainnig_run_start, "Did you mean `training_run_start`?") \
  X(traniing_run_start, "Did you mean `training_run_start`?") \
  X(traning_run_start, "Did you mean `training_run_start`?") \
  X(trianing_run_start, "Did you mean `training_run_start`?") \
  X(trining_run_start, "Did you mean `training_run_start`?") X(ero_grad, "Did you mean `zero_grad`?") \
  X(ezro_grad, "Did you mean `zero_grad`?") X(optimizer_zero_grad, "Did you mean `zero_grad`?") \
  X(zeo_grad, "Did you mean `zero_grad`?") X(zeor_grad, "Did you mean `zero_grad`?") \
  X(zer_grad, "Did you mean `zero_grad`?") X(zer_ograd, "Did you mean `zero_grad`?") \
  X(zeroGrad, "Did you mean `zero_grad`?") X(zero_gad, "Did you mean `zero_grad`?") \
  X(zero_gard, "Did you mean `zero_grad`?") X(zero_gra, "Did you mean `zero_grad`?") \
  X(zero_gradients, "Did you mean `zero_grad`?") X(zero_grads, "Did you mean `zero_grad`?") \
  X(zero_grd, "Did you mean `zero_grad`?") X(zero_grda, "Did you mean `zero_grad`?") \
  X(zero_rad, "Did you mean `zero_grad`?") X(zero_rgad, "Did you mean `zero_grad`?") \
  X(zerog_rad, "Did you mean `zero_grad`?") X(zerograd, "Did you mean `zero_grad`?") \
  X(zreo_grad, "Did you mean `zero_grad`?") X(zro_grad, "Did you mean `zero_grad`?") \
  X(clip_gradients, "Pass a clipping policy such as hone::ClipNorm to the constructor.") \
  X(configure_gradient_clipping, "Pass a clipping policy such as hone::ClipNorm to the constructor.") \
  X(configure_scheduler, "Pass a schedule such as hone::CosineLr to the constructor.") \
  X(create_scheduler, "Pass a schedule such as hone::CosineLr to the constructor.") \
  X(configure_callbacks, "Pass callbacks to the constructor.") \
  X(create_optimizer_and_scheduler, "Pass the optimizer and a schedule such as hone::CosineLr to the constructor.") \
  X(configure_optimizer, "Pass the optimizer to the constructor: hone::Trainer{model, loss, optimizer}.") \
  X(configure_optimizers, "Pass the optimizer to the constructor: hone::Trainer{model, loss, optimizer}.") \
  X(create_optimizer, "Pass the optimizer to the constructor: hone::Trainer{model, loss, optimizer}.") \
  X(teardown, "Use the override `training_run_end`.") X(setup, "Use the override `training_run_start`.")
// clang-format on
