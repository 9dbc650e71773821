"""A sink that posts to a collector with PostHog's capture API.

The library's client has its own queue, threads and exit handler, and adds facts about
this machine to each event. Our queue is in the store, so only its function that posts
one batch is used: the events are built here, and nothing else is sent.

The library is an optional dependency, imported with the first record: that takes about
a second and 30 MB. It uses our HTTP session: without retries, which the delivery loop
has; without redirections, which would turn a POST into a GET or send the key to another
host; and with a limit on the length of an answer.
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
from jarvisd.sinks.redact import EVENT, fingerprint, redact, short_hash
from jarvisd.sinks.store import QueuedRecord

TIMEOUT_S: Final = 10.0
"""The longest wait for a connection, and for the next byte of the answer."""

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
        """Create the sink; *folder* holds the id of this installation."""
        self.name = settings.name
        self.max_waiting = settings.max_waiting
        self._settings = settings
        self._folder = folder
        self._timeout_s = timeout_s

    def deliver(self, records: Sequence[QueuedRecord]) -> None:
        """Post *records* in one request.

        Raises:
            SinkError: The collector did not confirm the records.

        """
        id_ = install_id(self._folder)
        grouping = self._settings.distinct_id
        batch = [build_event(each, install=id_, grouping=grouping) for each in records]
        self._library.post(batch, self._settings.host, self._key(), self._timeout_s)

    @cached_property
    def _library(self) -> "_Library":
        return _Library()

    def _key(self) -> str:
        """Return the key; its file is read each time, since keys are rotated."""
        file = self._settings.api_key_file
        if file is None:
            assert self._settings.api_key is not None, (
                "sink without a key or a key file"
            )
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


def build_event(
    waiting: QueuedRecord, *, install: str, grouping: Grouping
) -> dict[str, Any]:
    """Return the event for one record; sent twice, the collector counts it once.

    PostHog treats events with the same uuid, event, time and distinct id as one. The id
    of this installation is not sent, only its hash.
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
        "distinct_id": short_hash(f"distinct {install}") if by_install else uuid_,
        "timestamp": _iso(segment.ended_ms),
        "properties": {
            **redact(segment, salt=install),
            "$insert_id": once,
            "$lib": "jarvisd",
            "$geoip_disable": True,
            "$process_person_profile": False,
        },
    }


def _iso(unix_ms: int) -> str:
    """Return the time in ISO 8601; the epoch for a time beyond the calendar."""
    try:
        return (_EPOCH + timedelta(milliseconds=unix_ms)).isoformat()
    except OverflowError:
        return _EPOCH.isoformat()


class _Library:
    """The posthog library's function that posts a batch, with our requests session."""

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
        self._session.hooks["response"] = [self._truncate]
        self._read_errors = (HTTPError, OSError)

    def post(
        self, batch: list[dict[str, Any]], host: str, key: str, timeout_s: float
    ) -> None:
        """Post *batch*, or raise SinkError, which never quotes the collector's answer."""
        failures = self._failures
        try:
            self._request.batch_post(
                key, host, timeout=timeout_s, session=self._session, batch=batch
            )
        except self._request.APIError as exc:
            if str(exc.status)[:1] != "2":
                is_auth = str(exc.status) in {"401", "403"}
                hint = "; is the key right?" if is_auth else ""
                raise SinkError(f"{host} answers {exc.status}{hint}") from exc
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
            # Minutes pass between two posts, and a kept connection would be closed by
            # the other side by then.
            self._session.close()

    def _truncate(self, response: Any, **_: object) -> None:
        """Replace the body of *response* by its first MAX_ANSWER_BYTES."""
        raw = response.raw
        try:
            text = raw.read(MAX_ANSWER_BYTES, decode_content=True)
        except self._read_errors as exc:
            raise ConnectionAbortedError("the answer was cut off") from exc
        finally:
            raw.close()

        response.raw = io.BytesIO(text)
