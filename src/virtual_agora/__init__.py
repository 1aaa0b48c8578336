"""Virtual Agora: a panel of language-model agents deliberates democratically on a question of yours."""
