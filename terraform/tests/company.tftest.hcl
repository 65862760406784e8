# Options of companies: keys, network, ingress, locations, labels. Only plans: an apply would leave a database and a secret
# whose keys cannot change.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_data "google_storage_project_service_account" {
    defaults = { member = "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com" }
  }
}

variables {
  project_id = "my-videos-1"
  source_zip = "tests/fixtures/functions.zip"
}

run "a_key_encrypts_everything_that_takes_one_and_moves_the_images" {
  command = plan
  variables {
    kms_key             = "projects/company-keys/locations/us-central1/keyRings/clapper/cryptoKeys/data"
    gemini_key_location = "us-central1"
  }

  assert {
    condition     = alltrue([for bucket in [google_storage_bucket.input, google_storage_bucket.output, google_storage_bucket.source] : bucket.encryption[0].default_kms_key_name == var.kms_key]) && google_firestore_database.this.cmek_config[0].kms_key_name == var.kms_key
    error_message = "The buckets and the database must have the key."
  }
  assert {
    condition     = google_pubsub_topic.events.kms_key_name == var.kms_key && alltrue([for function in google_cloudfunctions2_function.this : function.kms_key_name == var.kms_key && endswith(function.build_config[0].docker_repository, "/clapper-functions-2d6b5ff6")])
    error_message = "The topic and the functions must have the key, and the images a repository of this key."
  }
}

run "a_database_may_have_its_own_key_in_the_key_location_of_its_multi_region" {
  command = plan
  variables {
    firestore_location = "nam5"
    firestore_kms_key  = "projects/company-keys/locations/us/keyRings/clapper/cryptoKeys/database"
  }

  assert {
    condition     = google_firestore_database.this.cmek_config[0].kms_key_name == var.firestore_kms_key && length(google_storage_bucket.output.encryption) == 0
    error_message = "Only the database must have the key."
  }
}

run "a_database_may_have_googles_encryption_beside_a_key" {
  command = plan
  variables {
    kms_key           = "projects/company-keys/locations/us-central1/keyRings/clapper/cryptoKeys/data"
    firestore_kms_key = ""
  }

  assert {
    condition     = length(google_firestore_database.this.cmek_config) == 0
    error_message = "The database must have no key."
  }
}

run "refuses_a_database_key_elsewhere" {
  command = plan
  variables {
    firestore_location = "nam5"
    kms_key            = "projects/company-keys/locations/us-central1/keyRings/clapper/cryptoKeys/data"
  }
  expect_failures = [var.firestore_kms_key]
}

run "refuses_a_key_outside_the_region" {
  command = plan
  variables {
    kms_key           = "projects/company-keys/locations/europe/keyRings/clapper/cryptoKeys/data"
    firestore_kms_key = ""
  }
  expect_failures = [var.kms_key]
}

run "refuses_a_version_of_a_key" {
  command = plan
  variables {
    kms_key           = "projects/company-keys/locations/us-central1/keyRings/clapper/cryptoKeys/data/cryptoKeyVersions/1"
    firestore_kms_key = ""
  }
  expect_failures = [var.kms_key]
}

run "refuses_a_secret_away_from_its_key" {
  command = plan
  variables {
    kms_key             = "projects/company-keys/locations/us-central1/keyRings/clapper/cryptoKeys/data"
    gemini_key_location = "us-east1"
  }
  expect_failures = [var.gemini_key_location]
}

run "a_connector_and_ingress_reach_functions_and_keys_mode" {
  command = plan
  variables {
    api_keys  = true
    operators = ["ann@example.com"]
    ingress   = "internal"
    vpc       = { connector = "projects/my-videos-1/locations/us-central1/connectors/out", egress = "all-traffic" }
  }

  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.this : function.service_config[0].vpc_connector == var.vpc.connector && function.service_config[0].vpc_connector_egress_settings == "ALL_TRAFFIC" && function.service_config[0].direct_vpc_egress == null])
    error_message = "Every function must use the connector."
  }
  assert {
    condition     = google_cloud_run_v2_service.keys["keys"].template[0].vpc_access[0].connector == var.vpc.connector && google_cloud_run_v2_service.keys["keys"].ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    error_message = "Keys mode must use the connector and the ingress."
  }
  assert {
    condition     = google_cloudfunctions2_function.this["api"].service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY" && google_project_service.this["vpcaccess"].service == "vpcaccess.googleapis.com"
    error_message = "The API must be internal, and the connector's API enabled."
  }
}

run "direct_egress_needs_a_network_and_no_connector" {
  command = plan
  variables {
    vpc = { network = "default", connector = "projects/p/locations/us-central1/connectors/out" }
  }
  expect_failures = [var.vpc]
}

run "refuses_an_egress_that_google_does_not_have" {
  command = plan
  variables {
    vpc = { subnetwork = "default", egress = "ALL_TRAFFIC" }
  }
  expect_failures = [var.vpc]
}

run "refuses_an_ingress_that_google_does_not_have" {
  command = plan
  variables {
    ingress = "ALLOW_ALL"
  }
  expect_failures = [var.ingress]
}

run "refuses_resources_outside_data_locations" {
  command = plan
  variables {
    data_locations      = ["us-central1"]
    firestore_location  = "nam5"
    gemini_key_location = "us-central1"
  }
  expect_failures = [var.data_locations]
}

run "refuses_an_automatically_replicated_secret_outside_data_locations" {
  command = plan
  variables {
    data_locations = ["us-central1"]
  }
  expect_failures = [var.data_locations]
}

run "data_locations_reach_the_functions" {
  command = plan
  variables {
    data_locations      = ["us-central1"]
    gemini_key_location = "us-central1"
  }

  assert {
    condition     = google_cloudfunctions2_function.this["api"].service_config[0].environment_variables.CLAPPER_DATA_LOCATIONS == "us-central1"
    error_message = "The functions must get the locations."
  }
  assert {
    condition     = contains(output.outside_region, "vertex/gemini-3-pro-image: global") && contains(output.outside_region, "omni/gemini-omni-1.2-flash: global") && !contains([for line in output.outside_region : split(":", line)[0]], "vertex/veo-3.1-generate-001")
    error_message = "outside_region must name the models that Google serves elsewhere, and only these."
  }
}

run "warns_of_the_global_endpoint" {
  command = plan
  variables {
    vertex_location = "global"
  }
  expect_failures = [check.global]
}

run "names_what_is_outside_the_region_by_default" {
  command = plan
  variables {
    region             = "europe-west4"
    firestore_location = "eur3"
  }

  assert {
    condition = length(setsubtract([
      "database clapper (firestore_location): eur3",
      "secret clapper-gemini-key (gemini_key_location): automatic replication",
      "calls of Vertex AI (vertex_location): us-central1",
      "vertex/veo-3.1-generate-001: us-central1",
    ], output.outside_region)) == 0
    error_message = "outside_region must name the database, the secret, Vertex AI and its models."
  }
}

run "every_label_can_be_replaced" {
  command = plan
  variables {
    labels = { app = "videos", team = "film" }
  }

  assert {
    condition     = google_storage_bucket.output.labels == tomap({ app = "videos", deployment = "clapper", team = "film" })
    error_message = "The own labels must be added to the two of Clapper, and win."
  }
}
