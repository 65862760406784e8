# Who uses the keys of kms_key and firestore_kms_key: Google's own accounts in the project, never a function.

locals {
  key_users = {
    artifactregistry = "gcp-sa-artifactregistry"
    cloudfunctions   = "gcf-admin-robot"
    cloudtasks       = "gcp-sa-cloudtasks"
    eventarc         = "gcp-sa-eventarc"
    pubsub           = "gcp-sa-pubsub"
    run              = "serverless-robot-prod"
    secretmanager    = "gcp-sa-secretmanager"
    storage          = "gs-project-accounts"
  }

  # As in encryption.tf of the deployment.
  firestore_kms_key = var.firestore_kms_key == null ? var.kms_key : var.firestore_kms_key == "" ? null : var.firestore_kms_key

  # Also for the keys of earlier: without the grant Google could no longer decrypt what they have encrypted.
  key_grants = merge(
    { for pair in setproduct(keys(local.key_users), setunion(var.kms_key[*], var.previous_kms_keys)) : join("/", pair) => { key = pair[1], domain = local.key_users[pair[0]] } },
    { for key in local.firestore_kms_key[*] : "firestore/${key}" => { key = key, domain = "gcp-sa-firestore" } },
  )
}

resource "google_kms_crypto_key_iam_member" "this" {
  for_each = var.kms_grants ? local.key_grants : {}

  crypto_key_id = each.value.key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${var.project_number}@${each.value.domain}.iam.gserviceaccount.com"

  # Reading it creates Cloud Storage's agent.
  depends_on = [data.google_storage_project_service_account.this]
}
