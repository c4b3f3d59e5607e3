"""The HTTP side of the core: route registry, middlewares, error table, OpenAPI. Knows no room and no resource."""
