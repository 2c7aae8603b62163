"""Published weights by name, through `huggingface_hub`: its cache, its progress bar, its offline mode."""

from __future__ import annotations

import logging
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
    try:
        return Path(huggingface_hub.hf_hub_download(repository, name))
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
    except OSError as error:
        raise F5liteError(
            f"{there} didn't arrive whole ({error}); run it again, it goes on where it stopped"
        ) from error
