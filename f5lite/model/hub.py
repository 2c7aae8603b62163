"""Published weights by name, through `huggingface_hub`: its cache, its progress bar, its offline mode."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path

from f5lite.errors import F5liteError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """Where a model stands on the hub."""

    repository: str
    weights: str
    vocabulary: str


PUBLISHED = {
    "F5TTS_v1_Base": Published(
        "SWivid/F5-TTS", "F5TTS_v1_Base/model_1250000.safetensors", "F5TTS_v1_Base/vocab.txt"
    )
}
VOCOS = ("charactr/vocos-mel-24khz", "pytorch_model.bin")
LICENCE = "F5-TTS weights are CC-BY-NC 4.0: not for commercial use. The code is MIT."
HTTP_LIBRARIES = ("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3")
_told: set[str] = set()


def licence_once(repository: str) -> None:
    """Say the licence of the weights, once a process."""
    if repository not in _told:
        _told.add(repository)
        log.warning("%s (%s)", LICENCE, repository)


def download(repository: str, name: str) -> Path:
    """The file in the hub's cache, downloaded if it isn't there. F5liteError says what failed and what to do."""
    import huggingface_hub
    from huggingface_hub import errors

    there = f"{name} of {repository}"
    cached = huggingface_hub.try_to_load_from_cache(repository, name)
    try:
        path = Path(huggingface_hub.hf_hub_download(repository, name))
    except errors.LocalEntryNotFoundError as error:
        raise F5liteError(
            f"{there} is not in the cache and the hub can't be reached (offline?); connect once, or pass a local file"
        ) from error
    except errors.EntryNotFoundError as error:
        raise F5liteError(f"the hub has no {there}; is the name right?") from error
    except (errors.RepositoryNotFoundError, errors.GatedRepoError) as error:
        raise F5liteError(f"the hub has no {repository}, or it needs a login (`hf auth login`)") from error
    except errors.HfHubHTTPError as error:
        raise F5liteError(f"the hub didn't give {there}: {error}; try again later") from error
    except Exception as error:
        # The client library has changed its HTTP library, and with it what a lost connection raises.
        if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in HTTP_LIBRARIES:
            raise F5liteError(f"{there} didn't arrive whole ({error}); run it again") from error
        raise
    if str(path) != cached:
        check_sum(path, there)
    return path


def check_sum(path: Path, there: str) -> None:
    """Large files are kept under their SHA-256, which the client library doesn't compare; a wrong one is removed here."""
    blob = path.resolve()
    if not re.fullmatch("[0-9a-f]{64}", blob.name):
        return  # a small file, named by its git hash, or a system without links
    digest = hashlib.sha256()
    with open(blob, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != blob.name:
        path.unlink()
        blob.unlink(missing_ok=True)
        raise F5liteError(f"{there} arrived with a wrong checksum and was removed; run it again")
