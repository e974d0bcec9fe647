// Stands here until the page does.
