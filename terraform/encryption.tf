# Keys of your own (CMEK). bootstrap/kms.tf grants their use. README.md, "Keys of your own", says what each covers.

locals {
  kms_keys = var.kms_key[*]
  kms_apis = var.kms_key == null && local.firestore_kms_key == null ? [] : ["cloudkms"]

  # Google sets the key of a database only when it is created, so that it has a variable of its own.
  firestore_kms_key = var.firestore_kms_key == null ? var.kms_key : var.firestore_kms_key == "" ? null : var.firestore_kms_key

  # As in bootstrap/main.tf: each key has a repository of its own.
  key_suffix = var.kms_key == null ? "" : "-${substr(sha256(var.kms_key), 0, 8)}"

  # Where Cloud KMS keeps the keys of Firestore's multi-regions.
  firestore_key_locations = { eur3 = "europe", nam5 = "us", nam7 = "us" }
  firestore_place         = coalesce(var.firestore_location, var.region)
  firestore_key_location  = lookup(local.firestore_key_locations, local.firestore_place, local.firestore_place)
}
