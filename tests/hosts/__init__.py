"""Workers on hosts of their own, as far as one kernel can make them."""
