import base64

import pytest

from sinks.webhook.signature import signed, signing_key


def test_a_body_is_signed_as_the_libraries_of_standard_webhooks_do_it() -> None:
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("size", [24, 64])
def test_a_key_has_24_to_64_bytes(size: int) -> None:
    assert signing_key(f"whsec_{base64.b64encode(bytes(size)).decode()}") == bytes(size)


@pytest.mark.parametrize(
    "secret",
    ["", "plain words", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%%", f"whsec_{'A' * 88}"],
)
def test_a_secret_of_another_form_is_refused_and_one_that_fits_is_shown(secret: str) -> None:
    with pytest.raises(ValueError, match=r"must be whsec_ and 24 to 64 random bytes in base64, as `echo whsec_"):
        signing_key(secret)
