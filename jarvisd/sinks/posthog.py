"""A collector in the network that understands PostHog's capture.

The library's client keeps a queue, threads and a farewell of its own, and adds facts of
this machine to each event. Our queue is in the store, so only its posting of one batch
is used: what leaves is made here, on the calling thread, and nothing else is asked.

The library is an extra, imported with the first record: a second, and 30 MB. It is given
a session of ours: no retries below our own, no redirection (it would make a GET of a
POST, or give the key to another host), and of an answer only a beginning is read.
"""

import io
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec

from jarvisd.base.errors import SinkError
from jarvisd.config import Grouping, PosthogSettings
from jarvisd.segments.model import Segment
from jarvisd.sinks.installation import install_id
from jarvisd.sinks.redact import EVENT, fingerprint, hashed, redacted
from jarvisd.sinks.store import Waiting

TIMEOUT_S: Final = 10.0
"""Without a connection, or without another byte of the answer."""

MAX_ANSWER_BYTES: Final = 65_536

_NAMESPACE: Final = uuid.UUID("8f0d7b0e-6c53-5d0a-9d43-0a6c1c9f2c11")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PosthogSink:
    """Posts redacted records to `HOST/batch/`.

    Attributes:
        name: The name in the configuration.
        max_waiting: How many records may wait.

    """

    kind: Final = "posthog"

    def __init__(
        self, settings: PosthogSettings, folder: Path, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Prepare; *folder* is where this installation has its id."""
        self.name = settings.name
        self.max_waiting = settings.max_waiting
        self._settings = settings
        self._folder = folder
        self._timeout_s = timeout_s

    def deliver(self, records: Sequence[Waiting]) -> None:
        """Post *records* in one request.

        Raises:
            SinkError: The collector did not say that it has them.

        """
        id_ = install_id(self._folder)
        grouping = self._settings.distinct_id
        batch = [message(each, install=id_, grouping=grouping) for each in records]
        self._library.post(batch, self._settings.host, self._key(), self._timeout_s)

    @cached_property
    def _library(self) -> "_Library":
        return _Library()

    def _key(self) -> str:
        """Return the key; a file is read each time, since keys are exchanged."""
        file = self._settings.api_key_file
        if file is None:
            assert self._settings.api_key is not None
            return self._settings.api_key.reveal().strip()

        try:
            key = file.read_text(encoding="ascii").strip()
        except OSError as exc:
            raise SinkError(f"{file}: {exc.strerror}") from exc
        except UnicodeDecodeError as exc:
            raise SinkError(f"{file} does not hold a key") from exc

        if not key:
            raise SinkError(f"{file} is empty, and should hold a key")

        return key


def message(waiting: Waiting, *, install: str, grouping: Grouping) -> dict[str, Any]:
    """Return what is sent of one record; told twice, it is one event to the collector.

    PostHog takes events of one uuid, event, time and distinct id for one. The id of this
    installation stays here: what is sent of it is a hash.
    """
    try:
        segment = msgspec.json.decode(waiting.record, type=Segment)
    except (msgspec.DecodeError, UnicodeEncodeError) as exc:
        raise SinkError(f"record {waiting.record_id} is damaged in the store") from exc

    once = fingerprint(segment.segment_id)
    uuid_ = str(uuid.uuid5(_NAMESPACE, once))
    by_install = grouping is Grouping.INSTALL
    return {
        "event": EVENT,
        "uuid": uuid_,
        "distinct_id": hashed(f"distinct {install}") if by_install else uuid_,
        "timestamp": _iso(segment.ended_ms),
        "properties": {
            **redacted(segment, salt=install),
            "$insert_id": once,
            "$lib": "jarvisd",
            "$geoip_disable": True,
            "$process_person_profile": False,
        },
    }


def _iso(unix_ms: int) -> str:
    """Return the time as the collector wants it; what no calendar has is its origin."""
    try:
        return (_EPOCH + timedelta(milliseconds=unix_ms)).isoformat()
    except OverflowError:
        return _EPOCH.isoformat()


class _Library:
    """posthog's posting of a batch, and the requests session that it is given."""

    def __init__(self) -> None:
        try:
            import requests  # noqa: PLC0415 - an extra, wanted by few
            from posthog import request  # noqa: PLC0415 - as needed
            from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as needed
        except ImportError as exc:
            raise SinkError(
                "the posthog library is missing: pip install 'jarvisd[posthog]'"
            ) from exc

        self._request = request
        self._failures = requests.exceptions
        self._session = requests.Session()
        self._session.max_redirects = 0
        self._session.hooks["response"] = [self._shortened]
        self._cut_off = (HTTPError, OSError)

    def post(
        self, batch: list[dict[str, Any]], host: str, key: str, timeout_s: float
    ) -> None:
        """Post *batch*, or raise SinkError. What a collector says is not repeated."""
        failures = self._failures
        try:
            self._request.batch_post(
                key, host, timeout=timeout_s, session=self._session, batch=batch
            )
        except self._request.APIError as exc:
            if str(exc.status)[:1] != "2":
                raise SinkError(_refusal(host, str(exc.status))) from exc
        except failures.TooManyRedirects as exc:
            raise SinkError(f"{host} redirects: configure where it leads") from exc
        except failures.SSLError as exc:
            raise SinkError(f"{host} has no certificate that is trusted") from exc
        except failures.Timeout as exc:
            raise SinkError(f"{host} is silent for {timeout_s:g} s") from exc
        except (failures.ConnectionError, ConnectionError) as exc:
            raise SinkError(f"{host} cannot be reached, or hung up") from exc
        except (failures.RequestException, OSError) as exc:
            raise SinkError(f"{host}: {type(exc).__name__}") from exc
        finally:
            # Minutes lie between two posts; a connection kept would be found dead.
            self._session.close()

    def _shortened(self, response: Any, **_: object) -> None:
        """Read the beginning of an answer instead of all of it, whatever its length."""
        raw = response.raw
        try:
            text = raw.read(MAX_ANSWER_BYTES, decode_content=True)
        except self._cut_off as exc:
            raise ConnectionAbortedError("the answer was cut off") from exc
        finally:
            raw.close()

        response.raw = io.BytesIO(text)


def _refusal(host: str, status: str) -> str:
    hint = "; is the key right?" if status in {"401", "403"} else ""
    return f"{host} answers {status}{hint}"
