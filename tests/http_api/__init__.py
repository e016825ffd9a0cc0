"""Named so because a folder `http` on the path would hide the standard library's."""
