from tests.contract.database.conftest import postgres, tables  # noqa: F401
