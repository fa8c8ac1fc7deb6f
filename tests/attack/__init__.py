"""Attackers of our own, each a program that speaks to one running stack on this machine and to nobody else."""
