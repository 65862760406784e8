# The builds as they are written, and what their accounts may do.

mock_provider "google" {}

variables {
  project_id   = "my-videos-1"
  state_bucket = "my-videos-1-tfstate"
  repository   = "projects/my-videos-1/locations/us-central1/connections/github/repositories/clapper"
}

run "applies" {
  command = apply

  assert {
    condition     = google_cloudbuild_trigger.apply.approval_config[0].approval_required
    error_message = "Nothing is applied without an approval."
  }
  assert {
    condition     = length(google_cloudbuild_trigger.plan.approval_config) == 0 || !try(google_cloudbuild_trigger.plan.approval_config[0].approval_required, false)
    error_message = "A plan waits for nobody."
  }
  assert {
    condition     = google_cloudbuild_trigger.apply.substitutions["_PLAN"] == "$(body.message.data.id)"
    error_message = "What is applied is what was planned."
  }
  assert {
    condition     = length(regexall("_TRIGGER == ", google_cloudbuild_trigger.apply.filter)) == 1 && length(regexall("_STATUS == \"SUCCESS\"", google_cloudbuild_trigger.apply.filter)) == 1
    error_message = "Only the end of a plan that succeeded sets it off."
  }
  assert {
    condition     = google_service_account.this["plan"].account_id != google_service_account.this["apply"].account_id
    error_message = "Two accounts."
  }
  assert {
    condition     = length([for role in local.plan_roles : role if can(regex("(admin|Admin|editor|owner|developer)$", role))]) == 0
    error_message = "The plan account changes nothing."
  }
  assert {
    condition     = length([for role in setunion(local.plan_roles, local.apply_roles) : role if contains(["roles/owner", "roles/editor", "roles/viewer"], role)]) == 0
    error_message = "No basic role."
  }
}

run "the_plan_account_can_look_at_what_it_puts_away" {
  command = plan

  assert {
    condition     = toset([for key, grant in google_storage_bucket_iam_member.plans : grant.role if startswith(key, "plan/")]) == toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])
    error_message = "gcloud looks for what is there before it writes; creating alone is refused. Replacing is given to nobody."
  }
}

run "the_builds_do_what_they_should_in_that_order" {
  command = plan

  assert {
    condition     = [for step in local.builds.plan.steps : step.id] == ["install", "ci", "build", "fmt", "providers", "validate", "test", "variables", "init", "plan", "keep"]
    error_message = "cloudbuild.yaml checks, builds, plans and puts the plan away."
  }
  assert {
    condition = alltrue([for id in ["fmt", "test"] :
      index(local.builds.plan.steps[*].id, id) < index(local.builds.plan.steps[*].id, "variables")
    ])
    error_message = "The deployment's variables come after what they would change: terraform test reads every *.auto.tfvars, terraform fmt judges them."
  }
  assert {
    condition     = local.builds.plan.steps[index(local.builds.plan.steps[*].id, "providers")].args == ["init", "-input=false", "-backend=false"]
    error_message = "What is tested needs no state."
  }
  assert {
    condition     = local.builds.plan.options.logging == "CLOUD_LOGGING_ONLY" && local.builds.apply.options.logging == "CLOUD_LOGGING_ONLY"
    error_message = "Builds of an account of one's own log to Cloud Logging only, or are refused."
  }
  assert {
    condition     = local.builds.apply.steps[1].args == ["apply", "-input=false", "-lock-timeout=300s", "plan"]
    error_message = "The file of the plan is applied: never a new plan."
  }
  assert {
    condition = alltrue([
      for name, text in local.build_files :
      length(setsubtract(
        toset(flatten(regexall("\\$\\{?([A-Za-z_]+)", text))),
        concat(keys(local.builds[name].substitutions), ["BUILD_ID"]),
      )) == 0
    ])
    error_message = "Every $NAME in the builds is a substitution that is declared; a shell's own variable is written $$NAME."
  }
  assert {
    condition     = alltrue([for key in keys(local.builds.plan.substitutions) : contains(keys(google_cloudbuild_trigger.plan.substitutions), key)]) && alltrue([for key in keys(local.builds.apply.substitutions) : contains(keys(google_cloudbuild_trigger.apply.substitutions), key)])
    error_message = "The triggers give every substitution."
  }
}

run "refuses_a_repository_that_is_not_connected" {
  command = plan
  variables {
    repository = "github.com/example/clapper"
  }
  expect_failures = [var.repository]
}
