# Where resources of earlier versions are now. Without these blocks an upgrade would delete the accounts and make new ones.

moved {
  from = google_service_account.function
  to   = module.bootstrap[0].google_service_account.function
}

moved {
  from = google_service_account.tasks
  to   = module.bootstrap[0].google_service_account.tasks
}

moved {
  from = google_service_account.events
  to   = module.bootstrap[0].google_service_account.events
}

moved {
  from = google_service_account.build
  to   = module.bootstrap[0].google_service_account.build
}

moved {
  from = google_project_iam_custom_role.queue_pauser
  to   = module.bootstrap[0].google_project_iam_custom_role.queue_pauser
}

moved {
  from = google_project_iam_member.function
  to   = module.bootstrap[0].google_project_iam_member.function
}

moved {
  from = google_service_account_iam_member.tasks_user
  to   = module.bootstrap[0].google_service_account_iam_member.tasks_user
}

moved {
  from = google_service_account_iam_member.api_signs
  to   = module.bootstrap[0].google_service_account_iam_member.api_signs
}

moved {
  from = google_project_iam_member.event_receiver
  to   = module.bootstrap[0].google_project_iam_member.event_receiver
}

moved {
  from = google_project_iam_member.storage_events
  to   = module.bootstrap[0].google_project_iam_member.storage_events
}

moved {
  from = google_project_iam_member.build_logs
  to   = module.bootstrap[0].google_project_iam_member.build_logs
}

moved {
  from = google_project_iam_member.build_copy
  to   = module.bootstrap[0].google_project_iam_member.build_copy
}

moved {
  from = google_artifact_registry_repository.images
  to   = module.bootstrap[0].google_artifact_registry_repository.images
}

moved {
  from = google_artifact_registry_repository_iam_member.build
  to   = module.bootstrap[0].google_artifact_registry_repository_iam_member.build
}

moved {
  from = google_secret_manager_secret.gemini_key
  to   = module.bootstrap[0].google_secret_manager_secret.gemini_key
}

moved {
  from = google_secret_manager_secret_iam_member.gemini_key
  to   = module.bootstrap[0].google_secret_manager_secret_iam_member.gemini_key
}
