"""What any analysis could reuse: tasks, targets and workflows on law, free of physics."""
