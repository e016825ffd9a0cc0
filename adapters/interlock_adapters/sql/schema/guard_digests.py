"""Digests of the guards of every released schema, per kind of database.

Never change an entry: it tells a database that is only older from one whose guards
were removed or changed. A change of a rule or a column needs a migration and an entry.
"""

from typing import Final

from interlock_adapters.sql.schema.flavor import POSTGRES, SQLITE

#: By version: `installed_guards.digest` of the guards of that version. For 0001
#: it is the last state of the code: earlier states were never released.
GUARDS: Final = {
    "0001": {
        SQLITE: "5a00413a63cfacf8a418b0dc1876040be6e2f9102560a69451eb5b436046fbbb",
        POSTGRES: "5c35f6d5672433e11f10fc7ec57598a733a7c4120274414d1745c73da8ab1b04",
    },
    "0002": {
        SQLITE: "fcf8a32be56d17c199011f7edbdba15a4f8af574d13304e72a210dbc454b5565",
        POSTGRES: "e771f074711d05d4b28d4cc27bc2f8fe44898dd097cb44837f4a03d16fbf7829",
    },
    "0003": {
        SQLITE: "5c243d884d1b9763fb6b06ce3e5dbaf0e39ce36d6c4b37a489d0799f37a13c38",
        POSTGRES: "55ed678267101863671714f93ee6f55f2f4a8bd3d819834a19aaa4a431c6f709",
    },
    "0004": {
        SQLITE: "6197afb875511a18434dd6620cdd13deeee0a70e03a057290e7a9e4866352fa3",
        POSTGRES: "20ec911a1f68e00b0b241f6fbb89ef8b838007d595c0128dfde5cafdbe31a7c6",
    },
    "0005": {
        SQLITE: "3cced10b666de1e913377673af79b170b7933777972704c0f1a67a6762013fad",
        POSTGRES: "121679899034869b9f631142e8203c9bda3dcf614ef805902365124e38d91584",
    },
    "0006": {
        SQLITE: "4aa90e3dac0e5ef36c2a07428837c95969da0641e0cdc43a0c7f7f66ff663e71",
        POSTGRES: "0ff48bb476ed2dde789596fea58f1b08c53c4ce8a227d210256c0cc522618b16",
    },
    "0007": {
        SQLITE: "f5ccdcf35381cdeb6415264efb9da9a106994eee21b44842c3ebd8dbd38664a0",
        POSTGRES: "7a2f1d5f6beafe5e329b63989032991cb6917c0b7f0dcb0c322f395708c17c3b",
    },
    "0008": {
        SQLITE: "f833921978413e18c81fbabfac7a6051e2143e8228c539c5491f38a0b27adc59",
        POSTGRES: "826dda1de2d2dcba1588e23dd7b24dcd3c1d0bc22d3a8a79e7dac12dcbe88a45",
    },
    "0009": {
        SQLITE: "4895000bb158831234c5eeaf144260381412f0b83c7105d13bdb76ff19575978",
        POSTGRES: "35ee01dfe6741fc80dc0dc4c0bccdd3ddfb266ea1e2ff9d59e3327fa30c173c4",
    },
    "0010": {
        SQLITE: "de4fe221defbbc1a5260a150036cd8fd5ef86f49093747c1c2ca8c14161c39ec",
        POSTGRES: "3fcb77ebda61d8685ab99f27971862e096d051071bf41004c4f78e5da8e5c7f9",
    },
}
HEAD: Final = max(GUARDS)
#: Of the names of our tables, so that they live in an application's database.
PREFIX: Final = "interlock_"
_UNPREFIXED: Final = frozenset({"0001", "0002", "0003"})


def table_prefix(version: str) -> str:
    """Return the prefix of the tables of a schema version."""
    return "" if version in _UNPREFIXED else PREFIX
