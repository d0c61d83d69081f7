"""Output for users: tables that fit the screen, coloured problems, and progress on a terminal."""
