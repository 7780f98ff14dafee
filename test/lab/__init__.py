"""Throwaway machines with their own kernel and systemd, to test the formula on."""
