// Stands here until the script does.
