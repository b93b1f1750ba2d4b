accelerate launch --num_cpu_threads_per_process 1 train_textual_inversion_XTI.py \
  --pretrained_model_name_or_path=model.safetensors --dataset_config=train-readme/class.toml --output_dir=out \
  --output_name=hoge-xti --token_string=hoge --init_word=girl --num_vectors_per_token=4 --max_train_steps=1600 \
  --learning_rate=5e-3 --mixed_precision=bf16
