# Only the secret, without a value. Versions are added by hand, so that no state and no plan ever holds a key.
resource "google_secret_manager_secret" "gemini_key" {
  project   = var.project_id
  secret_id = "${var.name}-gemini-key"
  labels    = var.labels

  replication {
    auto {}
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_iam_member" "gemini_key" {
  for_each = local.gemini_key_users

  project   = var.project_id
  secret_id = google_secret_manager_secret.gemini_key.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.key].member
}
