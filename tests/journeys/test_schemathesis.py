"""The whole OpenAPI contract, tried by schemathesis with all its checks against a real server that asks for keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.schemas import BaseSchema

from service.access.keys import Scope
from tests.journeys.conftest import settings_for
from tests.journeys.test_access import make_key
from tests.journeys.test_jobs import zip_of
from tests.photos import photo
from tests.serving import served_on_a_socket

EXAMPLES = 10
CONFIG = {
    "checks": {
        # Rules that a schema cannot tell: what is no photo, no cursor, not printable, a weight group left without any.
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "401", "403", "404", "409", "413", "415", "422", "503"]
        }
    }
}

# Bytes without form say nothing about a service that looks at photos.
schemathesis.openapi.format(
    "binary", st.sampled_from([photo(1), photo(2), b"no photo", zip_of({"SKU-1.png": photo(1)})])
)


@schemathesis.serializer("application/zip", "application/x-ndjson")
def upload(_context: Any, value: Any) -> bytes:
    """An upload of a job, as it is."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BaseSchema, dict[str, str]]]:
    """The contract as it is served, and a key for all of it."""
    prepared = settings_for(tmp_path_factory.mktemp("contract"))
    headers = make_key(prepared, *Scope, per_minute=1_000_000)
    with served_on_a_socket(prepared) as address:
        yield (
            schemathesis.openapi.from_url(f"{address}/openapi.json", config=SchemathesisConfig.from_dict(CONFIG)),
            headers,
        )


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_the_service_keeps_its_contract(api: tuple[BaseSchema, dict[str, str]], mode: GenerationMode) -> None:
    """No 5xx, no undocumented status, header or body; refuses what is wrong; asks for a key. On every operation."""
    broken: list[str] = []
    tried = 0
    schema, headers = api
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        tried += 1

        @settings(
            max_examples=EXAMPLES,
            database=None,
            # The same requests on every machine: a run that fails can be repeated.
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def keeps(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(headers=headers, timeout=60)

        try:
            keeps()
        except Unsatisfiable:
            pass  # nothing that this operation is sent can be wrong
        except BaseExceptionGroup as error:
            broken.append(f"{operation.label}: {'; '.join(map(str, error.exceptions))}")
    assert tried >= 23
    assert broken == [], "\n\n".join(broken)
