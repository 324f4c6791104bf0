"""Who may do what: API keys, the gate before every route, rates, tenants."""
