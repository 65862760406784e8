output "accounts" {
  description = "The accounts: one for each function, and `tasks`, `triggers` and `build`."
  value = {
    for key, account in local.accounts : key => {
      email  = account.email
      member = account.member
      name   = "projects/${var.project_id}/serviceAccounts/${account.email}"
    }
  }
}
