"""What an operation or a sub-network costs on a board, for searches."""
