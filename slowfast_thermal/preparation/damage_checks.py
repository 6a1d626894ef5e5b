"""What of a recording's damage is worth telling."""

from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.preparation.damage import Damage
from slowfast_thermal.preparation.findings import Findings

# Share of a recording's readings from which on missing ones, and lost ones, are worth a warning.
MAX_DEAD = 0.1


def check_damage(findings: Findings, recording: Recording, damage: Damage) -> None:
    """Tells dead pixels, lost packets, torn, frozen and flashing frames apart."""
    _check_readings(findings, recording, damage)
    _check_packets(findings, recording, damage)
    for kind, frames, what, remedy in (
        ("torn", damage.torn, "hold a part of the frame before them", "check the sensor's connection"),
        ("frozen", damage.frozen, "have exactly the readings of the frame before them", "record each frame once"),
        ("flashing", damage.flashing, "leave the level of the frames around and come back", "check the sensor"),
    ):
        if frames:
            findings.warning(
                kind,
                f"{recording.path}: {len(frames)} of {recording.num_frames} frames {what}, first frame {frames[0]}: "
                f"{remedy}.",
            )


def _check_readings(findings: Findings, recording: Recording, damage: Damage) -> None:
    """Readings that are missing, but for those of lost packets."""
    if not damage.num_missing:
        return
    num_pixels = recording.height * recording.width
    share = damage.num_missing / (recording.num_frames * num_pixels)
    message = (
        f"{recording.path}: {damage.num_missing} readings ({share:.1%}) are missing, in "
        f"{damage.num_frames_missing} of {recording.num_frames} frames"
    )
    if damage.num_dead:
        message += (
            f", and {damage.num_dead} of {num_pixels} pixels read in less than half of the frames, "
            f"{damage.num_never_read} of them never: check the sensor."
        )
    elif share > MAX_DEAD:
        message += ": check the sensor and its connection."
    else:
        findings.note("dead pixels", f"{message}; earlier readings fill them.")
        return
    findings.warning("dead pixels", message)


def _check_packets(findings: Findings, recording: Recording, damage: Damage) -> None:
    repairs = damage.repairs.values()
    if not repairs:
        return
    share = sum(repair.num_lost for repair in repairs) / (recording.num_frames * recording.height * recording.width)
    unclear = sum(repair.starts is None for repair in repairs)
    moved = sum(repair.num_moved > 0 for repair in repairs)
    message = (
        f"{recording.path}: packets of {damage.packet_length} readings were lost in {len(repairs)} of "
        f"{recording.num_frames} frames ({share:.1%} of the readings); {moved} have displaced readings and are put right, "
        f"{unclear} are unclear and filled as a whole"
    )
    if damage.distances:
        message += (
            f"; displaced frames differ from the whole frame before by {damage.distances.displaced:.2f} degrees, by "
            f"{damage.distances.repaired:.2f} when put right, and whole ones by {damage.distances.whole:.2f}"
        )
    if unclear or share > MAX_DEAD:
        findings.warning("lost packets", f"{message}: check the sensor's connection.")
    else:
        findings.note("lost packets", f"{message}.")
