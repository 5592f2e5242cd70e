"""Carries out plans: gathers facts, asks, runs the steps one by one, and records them."""
