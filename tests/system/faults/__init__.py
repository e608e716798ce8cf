"""What may happen to a service, one class each."""

from .broker_freeze import BrokerFreeze
from .broker_kill import BrokerKill
from .coordinator import CoordinatorTimeout
from .expire import Expire
from .fault import Fault
from .freeze import Freeze
from .full_disk import FullDisk
from .kill import Kill
from .rescale import Rescale
from .terminate import Terminate
from .zombie import Zombie

FAULTS: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (
        Kill,
        Terminate,
        Rescale,
        Freeze,
        Zombie,
        FullDisk,
        BrokerKill,
        BrokerFreeze,
        CoordinatorTimeout,
    )
}
"""Those that a stream survives without anybody's help, by name."""

__all__ = ["FAULTS", "Expire", "Fault", "Kill", "Rescale"]
