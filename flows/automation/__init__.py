"""What happens without a hand: deployments, triggers, watched sources, notifications."""
