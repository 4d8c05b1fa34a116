"""What `chat doctor` looks at: functions that take the settings, look, and give findings. None leaves a trace."""
