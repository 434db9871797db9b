"""The durable spool: records on disk from before they count as accepted until they are delivered.

    folder/                     one for all processes of a user, 0700
      <hash of the target>/     one for each place that records go to
        *.spool1                records that wait; `segment` holds the format
        dead/*.ndjson           records that were refused for good, each with the reason
        *.lost1                 which runs lost records when a file was dropped; see `losses`
        corrupt/*               ranges of files that held no intact record

Every process appends to files of its own, whose locks it holds as long as it lives. What it leaves
behind is adopted by the next process that reads the same folder. Delivery is at least once: after a
crash only the batch that was under way is sent again.

There is no spool on Windows: importing this works there, and every append is answered with the
fault `unsupported`.
"""

from agenttrace.pipeline.spool.accounts import Appended, SpoolBatch, SpoolLimits, SpoolStats
from agenttrace.pipeline.spool.folder import Fault, find_spool_folder
from agenttrace.pipeline.spool.spool import Spool

__all__ = [
    "Appended",
    "Fault",
    "Spool",
    "SpoolBatch",
    "SpoolLimits",
    "SpoolStats",
    "find_spool_folder",
]
