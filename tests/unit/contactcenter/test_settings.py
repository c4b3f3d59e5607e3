"""Settings that would only fail later are refused at once, with their name."""

import pytest
from pydantic import ValidationError

from contactcenter.bootstrap import managed_pbx
from contactcenter.settings import PbxSettings, Settings
from cti.managed_pbx import keep_numbers


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../etc/passwd", "Europe"])
def test_an_unknown_time_zone_is_named(zone, tmp_path):
    with pytest.raises(ValidationError, match="time zone") as refused:
        Settings(data=tmp_path, timezone=zone)
    assert refused.value.errors()[0]["loc"] == ("timezone",)


@pytest.mark.parametrize("field", ["bind_address", "external_address"])
def test_an_address_is_an_address(field):
    with pytest.raises(ValidationError, match="IPv4"):
        PbxSettings.model_validate({field: "everywhere"})


def test_our_asterisk_is_bound_and_named_as_set(tmp_path):
    pbx = PbxSettings(bind_address="0.0.0.0", external_address="192.0.2.10")
    told = managed_pbx(Settings(data=tmp_path, pbx=pbx), keep_numbers(tmp_path)).settings
    assert (told.bind_address, told.external_address) == ("0.0.0.0", "192.0.2.10")
    assert managed_pbx(Settings(data=tmp_path), keep_numbers(tmp_path)).settings.bind_address == "127.0.0.1"
