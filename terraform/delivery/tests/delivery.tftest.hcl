# The two builds, and what their accounts may do.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_data "google_storage_project_service_account" {
    defaults = { member = "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com" }
  }
}

variables {
  project_id   = "my-videos-1"
  state_bucket = "my-videos-1-tfstate"
  repository   = "projects/my-videos-1/locations/us-central1/connections/github/repositories/clapper"
}

run "applies" {
  command = apply

  assert {
    condition     = google_cloudbuild_trigger.apply.approval_config[0].approval_required
    error_message = "The apply trigger must require an approval."
  }
  assert {
    condition     = length(google_cloudbuild_trigger.plan.approval_config) == 0 || !try(google_cloudbuild_trigger.plan.approval_config[0].approval_required, false)
    error_message = "The plan trigger must not require an approval."
  }
  assert {
    condition     = google_cloudbuild_trigger.apply.substitutions["_PLAN"] == "$(body.message.data.id)"
    error_message = "_PLAN must be the id of the plan build, so that exactly its plan is applied."
  }
  assert {
    condition     = google_cloudbuild_trigger.apply.substitutions["_COMMIT"] == "$(body.message.data.substitutions.COMMIT_SHA)"
    error_message = "_COMMIT must be the commit of the plan build."
  }
  assert {
    condition     = length(google_cloudbuild_trigger.apply.git_file_source) == 0 && google_cloudbuild_trigger.apply.filename == null && length(google_cloudbuild_trigger.apply.build[0].step) == length(local.builds.apply.steps)
    error_message = "The steps of the apply build must be in the trigger: a push must not change what runs with the rights of apply."
  }
  assert {
    condition     = length(regexall("_TRIGGER == ", google_cloudbuild_trigger.apply.filter)) == 1 && length(regexall("_STATUS == \"SUCCESS\"", google_cloudbuild_trigger.apply.filter)) == 1
    error_message = "The apply trigger must start only when a plan build succeeds."
  }
  assert {
    condition     = google_service_account.this["plan"].account_id != google_service_account.this["apply"].account_id
    error_message = "plan and apply must have different accounts."
  }
  assert {
    condition     = length([for role in local.plan_roles : role if can(regex("(admin|Admin|editor|Editor|owner|developer|User)$", role))]) == 0
    error_message = "The plan account must have no role that changes anything."
  }
  assert {
    condition     = length([for role in setunion(local.plan_roles, local.apply_roles) : role if contains(["roles/owner", "roles/editor", "roles/viewer"], role)]) == 0
    error_message = "No basic role may be granted."
  }
}

run "the_plan_account_can_create_and_read_plans_but_not_replace_them" {
  command = plan

  assert {
    condition     = toset([for key, grant in google_storage_bucket_iam_member.plans : grant.role if startswith(key, "plan/")]) == toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])
    error_message = "The plan account needs exactly objectCreator and objectViewer: gcloud looks for an existing object before it writes, and no account may replace a plan."
  }
}

run "the_builds_have_their_steps_in_order" {
  command = plan

  assert {
    condition     = [for step in local.builds.plan.steps : step.id] == ["install", "ci", "build", "fmt", "providers", "validate", "test", "variables", "init", "plan", "keep"]
    error_message = "cloudbuild.yaml must check, build, plan and store the plan, in this order."
  }
  assert {
    condition = alltrue([for id in ["fmt", "test"] :
      index(local.builds.plan.steps[*].id, id) < index(local.builds.plan.steps[*].id, "variables")
    ])
    error_message = "fmt and test must run before the deployment's variables are copied in: terraform test reads every *.auto.tfvars, and terraform fmt checks it."
  }
  assert {
    condition     = local.builds.plan.steps[index(local.builds.plan.steps[*].id, "providers")].args == ["init", "-input=false", "-backend=false", "-lockfile=readonly"]
    error_message = "The tests must not initialize the state backend."
  }
  assert {
    condition     = local.builds.plan.options.logging == "CLOUD_LOGGING_ONLY" && local.builds.apply.options.logging == "CLOUD_LOGGING_ONLY"
    error_message = "Both builds must log to Cloud Logging only: Google refuses other settings for a build with its own service account."
  }
  assert {
    condition     = local.builds.apply.steps[*].id == ["checkout", "fetch", "init", "plan", "compare", "apply"]
    error_message = "cloudbuild.apply.yaml must check out the commit, fetch plan and zip, plan again, compare, and apply, in this order."
  }
  assert {
    condition     = local.builds.apply.steps[5].args == ["apply", "-input=false", "-lock-timeout=300s", "own"] && contains(local.builds.apply.steps[3].args, "-out=own")
    error_message = "The apply build must apply the plan that it has made and compared with the approved one."
  }
  assert {
    condition     = strcontains(local.builds.apply.steps[1].args[1], "tar -xzf /tmp/approved.tgz -C approved --no-same-owner plan functions.zip\n")
    error_message = "The apply build must take nothing but the plan and functions.zip from the archive."
  }
  assert {
    condition     = local.builds.plan.steps[0].args == ["ci", "--ignore-scripts"]
    error_message = "The plan build must install without scripts."
  }
  assert {
    condition = alltrue([
      for step in concat(local.builds.plan.steps, local.builds.apply.steps) : contains(step.args, "-lockfile=readonly") if step.args[0] == "init"
    ])
    error_message = "Every terraform init must use the committed lock file."
  }
  assert {
    condition = alltrue([
      for name, text in local.build_files :
      length(setsubtract(
        toset(flatten(regexall("\\$\\{?([A-Za-z_]+)", replace(text, "$$", "")))),
        concat(keys(local.builds[name].substitutions), ["BUILD_ID", "COMMIT_SHA"]),
      )) == 0
    ])
    error_message = "Every $NAME in the builds must be a declared substitution; write a shell variable as $$NAME."
  }
  assert {
    condition     = alltrue([for key in keys(local.builds.plan.substitutions) : contains(keys(google_cloudbuild_trigger.plan.substitutions), key)]) && alltrue([for key in keys(local.builds.apply.substitutions) : contains(keys(google_cloudbuild_trigger.apply.substitutions), key)])
    error_message = "The triggers must set every substitution of their builds."
  }
}

run "refuses_a_repository_that_is_not_connected" {
  command = plan
  variables {
    repository = "github.com/example/clapper"
  }
  expect_failures = [var.repository]
}
