/** The tests of Burr, numbered. A test of this folder that shows one names its id. */
export interface ParityRow {
  readonly id: string
  /** The tests of Burr, in `tests/core` by default. */
  readonly upstream: string
  /** The reason for a row without a test. */
  readonly absent?: string
}

const row = (id: string, upstream: string, absent?: string): ParityRow => ({
  id: `T-${id}`,
  upstream,
  ...(absent === undefined ? {} : { absent }),
})

const ONE_PERSISTER = 'A driver may answer at once or later: one kind of persister fits every run.'
const NO_SETUP = 'A persister needs no call before its first use.'
const NO_BUILDER = 'There is no builder: one options object is complete, or the compiler refuses it.'
const NO_STATE_METHODS = 'State is a plain frozen object without methods; a key is not deleted but written.'

/** Every test of Burr on parallelism, application, state, graph and action. */
export const parityRows: readonly ParityRow[] = [
  // test_parallelism.py
  row('PA-01', 'test_map_actions_default_state'),
  row('PA-02', 'test_e2e_map_actions_sync_subgraph'),
  row('PA-03', 'test_e2e_map_actions_async_subgraph'),
  row('PA-04', 'test_e2e_map_states_sync_subgraph[fn, class, graph]'),
  row('PA-05', 'test_e2e_map_states_async_subgraph[fn, class, graph]'),
  row('PA-06', 'test_e2e_map_actions_and_states_sync'),
  row('PA-07', 'test_e2e_map_actions_and_states_async'),
  row('PA-08', 'test_task_level_API_e2e_sync'),
  row('PA-09', 'test_task_level_API_e2e_async'),
  row('PA-10', 'test_map_reduce_function_e2e'),
  row('PA-11', 'test_cascade_adapter_cascade'),
  row('PA-12', 'test_cascade_adapter_none'),
  row('PA-13', 'test_cascade_adapter_fixed'),
  row('PA-14', 'test_map_actions_and_states_uses_same_persister_as_loader'),
  // test_end_to_end.py, integrations/test_burr_ray.py
  row('E2E-01', 'test_end_to_end_collatz_with_function_api'),
  row('E2E-02', 'test_end_to_end_parallel_collatz_many_unreliable_tasks'),
  row('E2E-03', 'test_end_to_end_parallel_collatz_many_unreliable_tasks_async'),
  row('E2E-04', 'test_echo_bot'),
  row('E2E-05', 'test_async_save_and_load_from_persister_end_to_end'),
  row('E2E-06', 'test_burr_ray'),
  // test_application.py: one action
  row('AP-01', 'test__run_function, test__arun_function'),
  row('AP-02', 'test__run_function_with_inputs'),
  row(
    'AP-03',
    'test__run_function_cant_run_async',
    'Whatever an action returns is awaited: there is no synchronous runner.',
  ),
  row('AP-04', 'test__run_function_incorrect_result_type'),
  row('AP-05', 'test__run_reducer_modifies_state'),
  row('AP-06', 'test__run_reducer_deletes_state', NO_STATE_METHODS),
  row('AP-07', 'test_run_reducer_errors_missing_writes'),
  row('AP-08', 'test_run_single_step_action_errors_missing_writes'),
  row('AP-09', 'test_run_single_step_streaming_action_errors_missing_write'),
  row('AP-10', 'test_run_multi_step_streaming_action_errors_missing_write'),
  row('AP-11', 'test__run_single_step_action'),
  row('AP-12', 'test__run_single_step_action_incorrect_result_type'),
  row('AP-13', 'test__run_single_step_action_with_inputs'),
  row('AP-14', 'test__run_single_step_action_deletes_state', NO_STATE_METHODS),
  row('AP-15', 'test__run_multistep_streaming_action'),
  row('AP-16', 'test__run_multistep_streaming_action_callbacks'),
  row('AP-17', 'test__run_streaming_action_incorrect_result_type'),
  row('AP-18', 'test__run_single_step_streaming_action, …_callbacks'),
  row('AP-19', 'test__adjust_single_step_output_*'),
  // step
  row('AP-20', 'test_app_step'),
  row('AP-21', 'test_app_step_with_inputs, …_with_inputs_missing'),
  row('AP-22', 'test_app_step_broken'),
  row('AP-23', 'test_app_step_done'),
  row('AP-24', 'test_app_step_context'),
  row('AP-25', 'test_app_many_steps'),
  // iterate and run
  row('AP-30', 'test_iterate'),
  row('AP-31', 'test_iterate_with_inputs'),
  row('AP-32', 'test_aiterate'),
  row('AP-33', 'test_aiterate_halt_before'),
  row('AP-34', 'test_app_aiterate_with_inputs'),
  row('AP-40', 'test_run'),
  row('AP-41', 'test_run_halt_before'),
  row('AP-45', 'test_run_with_inputs'),
  row('AP-46', 'test_run_with_inputs_multiple_actions'),
  row('AP-47', 'test_app_a_run_async_and_sync'),
  row('AP-48', 'test__validate_halt_conditions'),
  row('AP-49', 'test_application__process_control_flow_params'),
  // stream
  row('AP-50', 'test_stream_result_halt_after_unique_ordered_sequence_id'),
  row('AP-51', 'test_stream_result_halt_after_run_through_streaming'),
  row('AP-52', 'test_stream_iterate[exhaust, not]'),
  row('AP-53', 'test_stream_result_halt_after_run_through_non_streaming'),
  row('AP-54', 'test_stream_result_halt_after_run_through_final_(non_)streaming'),
  row('AP-55', 'test_stream_result_halt_before'),
  // navigation and building
  row(
    'AP-60',
    'test_app_set_state',
    'The state of an application is changed by its actions alone; a fork with a patch comes with persistence.',
  ),
  row('AP-61', 'test_app_get_next_step'),
  row('AP-70', 'test_application_builder_complete'),
  row('AP-71', 'test__validate_start_valid, …_not_found'),
  row('AP-72', 'test_application_builder_unset'),
  row(
    'AP-73',
    'test_application_builder_assigns_correct_actions_with_dual_api',
    'The keys of one record name the actions: there is no second way to pass them.',
  ),
  row('AP-74', 'test_application_gives_graph'),
  row('AP-75', 'test_builder_captures_typing_system'),
  // hooks
  row('AP-80', 'test_application_run_step_hooks_sync'),
  row('AP-81', 'test_application_run_step_hooks_async'),
  row('AP-82', 'test_application_run_step_runs_hooks'),
  row(
    'AP-83',
    'test_application_post_application_create_hook',
    'The caller creates the application; nothing else happens at creation that a hook could observe.',
  ),
  row('AP-84', 'test_application_recursive_action_lifecycle_hooks'),
  // persistence in the builder
  row(
    'AP-90',
    'test_application_builder_initialize_does_not_allow_state_setting',
    '`resumeOrCreate` takes an initial state for a new application; a stored one takes precedence.',
  ),
  row('AP-91', 'test_application_builder_initialize_raises_on_broken_persistor'),
  row('AP-92', 'test_load_from_sync_cannot_have_async_persistor_error', ONE_PERSISTER),
  row('AP-93', 'test_set_sync_state_persister_cannot_have_…_error', ONE_PERSISTER),
  row('AP-94', 'test_set_sync_state_persister_is_not_initialized_error', NO_SETUP),
  row('AP-95', 'test_with_state_persister_is_initialized_not_implemented', NO_SETUP),
  row('AP-96', 'test_application_builder_initialize_raises_on_fork_app_id_not_provided'),
  row('AP-97', 'test_application_builder_initialize_fork_errors_on_same_app_id'),
  row('AP-98', 'test_application_builder_initialize_fork_app_id_happy_pth'),
  // context
  row('AP-100', 'test_application_exposes_app_context'),
  row(
    'AP-101',
    'test_application_exposes_app_context_through_context_manager',
    'The context is an argument of `run`; nothing is kept in ambient storage.',
  ),
  row('AP-102', 'test_application_passes_context_when_declared'),
  row('AP-103', 'test_optional_context_in_dependency_factories', 'Every action is given its context, declared or not.'),
  row('AP-104', 'test_application_with_spawning_parent, …_no_spawning_parent'),
  row(
    'AP-105',
    'test_application_does_not_allow_dunderscore_inputs',
    'No name is reserved: what the engine gives stands beside the inputs, not among them.',
  ),
  row('AP-106', 'test_remap_context_variable_*', 'Name mangling of Python.'),
  // test_state.py
  row('ST-01', 'test_state_access, …_missing'),
  row('ST-02', 'test_state_get, …_missing, …_default, test_state_in'),
  row('ST-03', 'test_state_get_all, test_state_init'),
  row('ST-04', 'test_state_merge'),
  row('ST-05', 'test_state_subset'),
  row('ST-06', 'test_state_append, …_multiple_keys'),
  row('ST-07', 'test_state_extend, …_multiple_keys'),
  row('ST-08', 'test_state_update'),
  row('ST-09', 'test_state_wipe_delete, …_keep', NO_STATE_METHODS),
  row('ST-10', 'test_state_append_validate_failure, test_state_extend_validate_failure'),
  row('ST-11', 'test_state_increment, …_validate_failure'),
  row('ST-12', 'test_field_level_serde'),
  row('ST-13', 'test_field_level_serde_bad_serde_function'),
  row('ST-14', 'test_register_field_serde_check_no_kwargs', 'Functions take no open keyword arguments here.'),
  row('ST-15', 'test_state_apply_keeps_typing_system'),
  // test_graph.py, test_graphviz_display.py, test_validation.py, test_implementations.py
  row('GR-01', 'test__validate_transitions_correct, …_missing_action, …_redundant_transition'),
  row('GR-02', 'test__validate_actions_valid, …_empty, …_duplicated'),
  row('GR-03', 'test_graph_builder_builds'),
  row('GR-04', 'test_graph_builder_with_graph'),
  row('GR-05', 'test_graph_builder_get_next_node'),
  row('GR-06', 'test_graph_get_actions_by_tag'),
  row('GR-07', 'test_visualize_dot_output, …_no_dot_output'),
  row('GR-08', 'test_assert_set, …_unset', NO_BUILDER),
  row('GR-09', 'test_placeholder_action'),
  // test_action.py
  row(
    'AC-01',
    'test_is_async_true, …_false',
    'An action that answers at once and one that answers later are the same kind of action.',
  ),
  row('AC-02', 'test_with_name'),
  row('AC-03', 'test_condition, test_when, test_when_complex, test_default, test_expr, test_lmda'),
  row('AC-04', 'test_condition__validate_success, …_failure'),
  row('AC-05', 'test_condition_invert, …_and, …_or'),
  row('AC-06', 'test_result'),
  row('AC-07', 'test_input'),
  row('AC-08', 'test_function_based_action'),
  row('AC-09', 'test_function_based_action_with_inputs'),
  row('AC-10', 'test_function_based_action_multiple_binds'),
  row('AC-11', 'test_function_based_action_with_defaults'),
  row('AC-12', 'test_create_action_class_api, …_fn_api, …_with_bind, …_streaming'),
  row('AC-13', 'test_create_action_undecorated_function'),
  row('AC-14', 'test_streaming_action_stream_run'),
  row('AC-15', 'test_streaming_result_container_iterate, …_get_runs_through'),
  row('AC-16', 'test_streaming_result_container_callback_called'),
  row('AC-17', 'test_streaming_result_container_callback_error'),
  row('AC-18', 'test_derive_inputs_from_fn_*, test_non_existent_bound_parameters'),
]

/** Faults of Burr in the core, each with a test of Teasel. */
export const faultRows: readonly string[] = [
  '001',
  '002',
  '004',
  '005',
  '007',
  '008',
  '009',
  '010',
  '011',
  '016',
  '017',
  '018',
  '063',
  '065',
  '067',
  '069',
  '070',
  '071',
  '072',
  '073',
  '074',
  '076',
].map((number) => `W-${number}`)
