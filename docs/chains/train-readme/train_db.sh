accelerate launch --num_cpu_threads_per_process 1 train_db.py \
  --pretrained_model_name_or_path=model.ckpt --train_data_dir=pictures/train_girls --reg_data_dir=pictures/reg_girls \
  --output_dir=out --output_name=girls --resolution=512 --enable_bucket --min_bucket_reso=256 --max_bucket_reso=1024 \
  --train_batch_size=4 --max_train_steps=1600 --learning_rate=2e-6 --optimizer_type=AdamW8bit \
  --mixed_precision=bf16 --gradient_checkpointing --xformers --cache_latents --clip_skip=2 --seed=42 \
  --save_precision=fp16 --save_every_n_epochs=1 --save_state --save_model_as=safetensors --prior_loss_weight=1.0
