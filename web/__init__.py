"""The softphone: the files that browsers load, a package so that an installation finds them."""
